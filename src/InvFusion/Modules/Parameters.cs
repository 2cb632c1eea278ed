using TorchSharp.Modules;
using static TorchSharp.torch;

namespace InvFusion.Modules;

/// <summary>Makes parameters and buffers that outlive the dispose scope they are made in.</summary>
internal static class Parameters
{
    public static Parameter Create(Tensor values)
    {
        var parameter = new Parameter(values);
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    public static Tensor Buffer(Tensor values) => values.DetachFromDisposeScope();
}
