namespace InvFusion.Data;

/// <summary>An image that cannot be read.</summary>
/// <param name="Name">Its name in the source.</param>
/// <param name="Reason">The error, one line.</param>
public sealed record BrokenImage(string Name, string Reason);
