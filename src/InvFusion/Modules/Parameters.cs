using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Makes parameters and buffers that outlive the dispose scope they are made in.</summary>
internal static class Parameters
{
    [ThreadStatic]
    private static bool _empty;

    [ThreadStatic]
    private static bool _outline;

    /// <summary>Builds a module whose weights will be overwritten: parameters stay unfilled, which spares seconds of random numbers.</summary>
    public static T WithoutInitialisation<T>(Func<T> build) => With(ref _empty, build);

    /// <summary>Builds a module of shapes alone, whose weights take no memory: a file is held against it before the memory that the file asks for is taken.</summary>
    public static T Outline<T>(Func<T> build) => With(ref _outline, build);

    /// <summary>Builds a module and loads its weights, for evaluation alone: no gradients of its own. What cannot be loaded is disposed.</summary>
    /// <param name="build">Builds it.</param>
    /// <param name="load">Fills it.</param>
    /// <param name="check">Given the module without memory before that, throws where it does not fit the file.</param>
    public static T Loaded<T>(Func<T> build, Action<T> load, Action<T>? check = null)
        where T : nn.Module
    {
        if (check is not null)
            using (var outline = Outline(build))
                check(outline);
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

    private static T With<T>(ref bool flag, Func<T> build)
    {
        var before = flag;
        flag = true;
        try
        {
            return build();
        }
        finally
        {
            flag = before;
        }
    }

    /// <summary>A parameter that starts at zero or, with a bound, uniform in ±bound.</summary>
    public static Parameter Create(double bound, params long[] shape)
    {
        if (_outline)
            return Create(empty(shape, device: META));
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
