using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>All parameters of a module as views of one flat tensor, and their gradients of another, so that optimizer, average and exchange are a few calls.</summary>
public sealed class FlatParameters : IDisposable
{
    private readonly List<(string Name, Parameter Parameter, long Offset)> _entries = [];

    /// <summary>Moves the parameters of a module into the flat tensor; do it after <c>to(device)</c> and before an optimizer is made.</summary>
    public FlatParameters(nn.Module module)
    {
        long length = 0;
        foreach (var (name, parameter) in module.named_parameters())
        {
            _entries.Add((name, parameter, length));
            length += parameter.NumberOfElements;
        }
        var device = _entries[0].Parameter.device;
        Values = zeros(length, device: device).DetachFromDisposeScope();
        Gradients = zeros(length, device: device).DetachFromDisposeScope();
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (_, parameter, offset) in _entries)
        {
            var view = View(Values, parameter, offset);
            view.copy_(parameter);
            parameter.set_(view);
            parameter.grad = View(Gradients, parameter, offset); // the parameter keeps it; this handle may go
        }
    }

    /// <summary>All weights, <c>[N]</c> float32; writing here changes the module.</summary>
    public Tensor Values { get; }

    /// <summary>All gradients, <c>[N]</c> float32; the backward pass adds to them.</summary>
    public Tensor Gradients { get; }

    /// <summary>Where each parameter is in the flat tensors, in their order.</summary>
    public IEnumerable<(string Name, long Offset, long[] Shape)> Layout => _entries.Select(e => (e.Name, e.Offset, e.Parameter.shape));

    /// <summary>The parts of a flat tensor of this layout by parameter name; the views belong to the caller's scope.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Named(Tensor flat) =>
        _entries.Select(e => KeyValuePair.Create(e.Name, View(flat, e.Parameter, e.Offset)));

    /// <inheritdoc/>
    public void Dispose()
    {
        Values.Dispose();
        Gradients.Dispose();
    }

    private static Tensor View(Tensor flat, Tensor like, long offset)
    {
        using var part = flat.narrow(0, offset, like.NumberOfElements);
        return part.view(like.shape);
    }
}
