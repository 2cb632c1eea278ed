namespace InvFusion.Formats.TensorFlow;

/// <summary>One tensor of a manifest.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Type">How its elements are stored: <see cref="ElementType.F32"/>, or the integers of a quantised tensor.</param>
/// <param name="Scale">A quantised element q stands for q·Scale + Minimum; null where nothing is quantised.</param>
/// <param name="Minimum">See <paramref name="Scale"/>.</param>
/// <param name="Begin">Where it begins in the weights, in bytes.</param>
/// <param name="Bytes">Its length there.</param>
internal sealed record ManifestEntry(string Name, long[] Shape, ElementType Type, double? Scale, double Minimum, long Begin, long Bytes);
