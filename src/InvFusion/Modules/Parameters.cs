using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Makes parameters and buffers that outlive the dispose scope they are made in.</summary>
internal static class Parameters
{
    [ThreadStatic]
    private static bool _empty;

    /// <summary>Builds a module whose weights will be overwritten: parameters stay unfilled, which spares seconds of random numbers.</summary>
    public static T WithoutInitialisation<T>(Func<T> build)
    {
        var before = _empty;
        _empty = true;
        try
        {
            return build();
        }
        finally
        {
            _empty = before;
        }
    }

    /// <summary>Builds a module and loads its weights, for evaluation alone: no gradients of its own. What cannot be loaded is disposed.</summary>
    public static T Loaded<T>(Func<T> build, Action<T> load)
        where T : nn.Module
    {
        var module = WithoutInitialisation(build);
        try
        {
            load(module);
        }
        catch
        {
            module.Dispose();
            throw;
        }
        module.eval();
        foreach (var parameter in module.parameters())
            parameter.requires_grad = false; // samplers that take gradients want those of x alone
        return module;
    }

    /// <summary>A parameter that starts at zero or, with a bound, uniform in ±bound.</summary>
    public static Parameter Create(double bound, params long[] shape)
    {
        if (bound == 0 && !_empty)
            return Create(zeros(shape));
        var values = empty(shape);
        if (!_empty)
            values.uniform_(-bound, bound);
        return Create(values);
    }

    public static Parameter Create(Tensor values)
    {
        var parameter = new Parameter(values);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    public static Tensor Buffer(Tensor values) => values.DetachFromDisposeScope();
}
