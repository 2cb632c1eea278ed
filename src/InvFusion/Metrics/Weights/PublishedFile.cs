namespace InvFusion.Metrics.Weights;

/// <summary>A file of weights that others have published.</summary>
/// <param name="FileName">What it is called in the cache.</param>
/// <param name="Url">Where it is.</param>
/// <param name="Sha256">Its hash in hexadecimal; null where none is known.</param>
/// <param name="Bytes">Its size.</param>
public sealed record PublishedFile(string FileName, Uri Url, string? Sha256, long Bytes);
