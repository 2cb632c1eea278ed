using System.Text.Json;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Gradients of inputs and parameters against stored ones.</summary>
internal static class Gradients
{
    /// <summary>A tensor of the case whose gradient will be asked for.</summary>
    public static Tensor Leaf(this GoldenCase golden, string name) => golden.Tensor(name).requires_grad_(true);

    /// <summary>Backpropagates Σ out·v, with v of the case; an output that depends on nothing trainable has only zero gradients.</summary>
    public static void Backward(Tensor output, Tensor cotangent)
    {
        if (output.requires_grad)
            (output * cotangent).sum().backward();
    }

    /// <summary>Compares the gradient of a leaf with a tensor of the case.</summary>
    public static void CheckGradient(this Comparison comparison, GoldenCase golden, string name, Tensor leaf) =>
        comparison.Check(name, Of(leaf), golden.Tensor(name));

    /// <summary>Compares the gradients of a module's parameters with stored ones; those of a parameter without a stored one must be zero.</summary>
    public static void CheckParameters(
        this Comparison comparison,
        nn.Module module,
        IReadOnlyDictionary<string, Tensor> stored,
        Func<string, double>? tolerance = null
    )
    {
        foreach (var (name, parameter) in module.named_parameters())
            comparison.Check(
                $"grad {name}",
                Of(parameter),
                stored.TryGetValue(name, out var expected) ? expected : zeros_like(parameter),
                tolerance?.Invoke(name)
            );
    }

    /// <summary>Compares the norms of the gradients of all parameters with those of the settings.</summary>
    public static void CheckNorms(
        this Comparison comparison,
        nn.Module module,
        JsonElement norms,
        string what,
        Func<string, double> tolerance
    )
    {
        var own = module.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        if (own.Count != norms.EnumerateObject().Count())
            throw new DataFormatException(
                $"{own.Count} parameters here, {norms.EnumerateObject().Count()} norms of gradients in the vectors"
            );
        foreach (var norm in norms.EnumerateObject())
            comparison.Check(
                $"|{what} {norm.Name}|",
                Of(own[norm.Name]).to(float64).norm().item<double>(),
                norm.Value.GetDouble(),
                tolerance(norm.Name)
            );
    }

    /// <summary>The gradient of a leaf; zeros where it got none.</summary>
    public static Tensor Of(Tensor leaf) => leaf.grad ?? zeros_like(leaf);
}
