namespace InvFusion.Data;

/// <summary>How far a pass over a source is.</summary>
/// <param name="Done">Images that are done.</param>
/// <param name="Total">Images of the source.</param>
public readonly record struct DataProgress(int Done, int Total);
