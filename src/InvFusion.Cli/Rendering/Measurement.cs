using InvFusion.Degradations;
using InvFusion.Formats.Numpy;
using static TorchSharp.torch;

namespace InvFusion.Cli.Rendering;

/// <summary>A measurement y <c>[1, 1, O]</c>, where it was simulated the image it was made of, and whether it was read from a picture of 8 bits.</summary>
internal sealed record Measurement(Tensor Values, Tensor? Truth, bool Rounded = false) : IDisposable
{
    /// <summary>Degrades a clean image and adds noise.</summary>
    public static Measurement Simulate(LinearOperator op, Tensor truth, double sigmaY, ulong seed)
    {
        using var scope = NewDisposeScope();
        var y = MeasurementNoise.Add(op, op.Apply(truth.unsqueeze(1)), sigmaY, [seed]);
        return new(y.MoveToOuterDisposeScope(), truth);
    }

    /// <summary>The O numbers of a <c>.npy</c> file.</summary>
    public static Measurement FromNumbers(string path, LinearOperator op, Device device)
    {
        var values = Npy.Read(path).ToSingles();
        if (!values.All(float.IsFinite))
            throw new DataFormatException($"{path}: holds numbers that are not finite");
        if (values.Length != op.MeasurementLength)
            throw new DataFormatException($"{path}: has {values.Length} numbers, the degradation measures {op.MeasurementLength}");
        return new(tensor(values, 1, 1, values.Length, device: device), null);
    }

    public void Dispose()
    {
        Values.Dispose();
        Truth?.Dispose();
    }
}
