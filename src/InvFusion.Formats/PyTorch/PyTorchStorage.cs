namespace InvFusion.Formats.PyTorch;

/// <summary>One block of elements of a checkpoint, which tensors are views of.</summary>
/// <param name="ElementType">How the elements are stored.</param>
/// <param name="Key">The block's name in the archive.</param>
/// <param name="Location">The device that it was saved from, for example <c>cuda:0</c>.</param>
/// <param name="Count">The number of elements.</param>
public sealed record PyTorchStorage(ElementType ElementType, string Key, string Location, long Count);
