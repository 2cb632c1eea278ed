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
