using static TorchSharp.torch;

namespace InvFusion.Degradations;

/// <summary>What <see cref="LinearOperator.Check"/> does.</summary>
internal static class OperatorCheck
{
    // Of the norms; single precision leaves some 1e-6, a wrong adjoint about 1.
    private const double Tolerance = 1e-3;
    private const int Groups = 2;

    /// <summary>Raises an error where the operator is none.</summary>
    public static void Run(LinearOperator op, Device device)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var generator = new Generator(1);
        Tensor Random(params long[] shape) => randn(shape, generator: generator).to(device);
        var (image, batch, length) = (op.Image, (long)op.BatchSize, (long)op.MeasurementLength);
        Tensor x = Random(batch, Groups, image.Channels, image.Height, image.Width),
            other = Random(x.shape),
            y = Random(batch, Groups, length);
        var measured = Checked("H x", "Apply", () => op.Apply(x), y.shape);
        var back = Checked("Hᵀ y", "Adjoint", () => op.Adjoint(y), x.shape);
        var sum = Checked("H x", "Apply", () => op.Apply(2 * x - 3 * other), y.shape);
        var parts = 2 * measured - 3 * Checked("H x", "Apply", () => op.Apply(other), y.shape);
        var bend = (sum - parts).norm().item<float>() / Math.Max(parts.norm().item<float>(), 1e-30);
        if (bend > Tolerance)
            throw Problem($"is not linear: H(2x - 3z) differs from 2Hx - 3Hz by {Percent(bend)}");
        var (left, right) = (Inner(measured, y), Inner(x, back));
        var scale = Math.Max(Norm(measured) * Norm(y), Norm(x) * Norm(back));
        if (Math.Abs(left - right) > Tolerance * scale)
            throw Problem(
                FormattableString.Invariant(
                    $"Adjoint is not the adjoint of Apply: ⟨Hx, y⟩ = {left:G4} and ⟨x, Hᵀy⟩ = {right:G4} for random x and y; they must be equal"
                )
            );

        Tensor Checked(string what, string method, Func<Tensor> compute, long[] shape)
        {
            var result = compute() ?? throw Problem($"{method} returns null");
            if (!result.shape.SequenceEqual(shape))
                throw Problem($"{method} returns [{string.Join(", ", result.shape)}], needed [{string.Join(", ", shape)}] ({what})");
            return result.isfinite().all().item<bool>()
                ? result.to_type(ScalarType.Float32)
                : throw Problem($"{method} returns numbers that are not finite for random input ({what})");
        }

        ConfigurationException Problem(string text) => new($"{op.GetType().Name}: {text}");
    }

    private static double Norm(Tensor t) => t.norm().item<float>();

    private static double Inner(Tensor a, Tensor b) => (a.to_type(ScalarType.Float64) * b.to_type(ScalarType.Float64)).sum().item<double>();

    private static string Percent(double part) => FormattableString.Invariant($"{100 * part:G3} %");
}
