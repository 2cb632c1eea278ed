using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Gradients of inputs and parameters against stored ones.</summary>
internal static class Gradients
{
    /// <summary>A tensor of the case whose gradient will be asked for.</summary>
    public static Tensor Leaf(this GoldenCase golden, string name) => golden.Tensor(name).requires_grad_(true);

    /// <summary>Backpropagates Σ out·v, with v of the case.</summary>
    public static void Backward(Tensor output, Tensor cotangent) => (output * cotangent).sum().backward();

    /// <summary>Compares the gradient of a leaf with a tensor of the case.</summary>
    public static void CheckGradient(this Comparison comparison, GoldenCase golden, string name, Tensor leaf) =>
        comparison.Check(name, Of(leaf, name), golden.Tensor(name));

    /// <summary>Compares the gradients of a module's parameters with stored ones; a parameter without a stored one must have none or zeros.</summary>
    public static void CheckParameters(this Comparison comparison, nn.Module module, IReadOnlyDictionary<string, Tensor> stored)
    {
        foreach (var (name, parameter) in module.named_parameters())
            if (stored.TryGetValue(name, out var expected))
                comparison.Check($"grad {name}", Of(parameter, name), expected);
            else
                comparison.Check($"no grad {name}", parameter.grad is { } g ? g.abs().max().item<float>() : 0, 0, tolerance: 0);
    }

    private static Tensor Of(Tensor leaf, string name) => leaf.grad ?? throw new DataFormatException($"{name} got no gradient");
}
