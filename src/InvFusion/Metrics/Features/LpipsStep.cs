namespace InvFusion.Metrics.Features;

/// <summary>One step of a trunk: a convolution with ReLU, or a maximum over windows.</summary>
/// <param name="Index">Its place in torchvision's list of layers, which is its name in state dicts.</param>
/// <param name="Inputs">Channels in; 0 for a maximum.</param>
/// <param name="Outputs">Channels out.</param>
/// <param name="Kernel">Side of the kernel or window.</param>
/// <param name="Stride">Its step.</param>
/// <param name="Padding">Zeros around the map.</param>
internal sealed record LpipsStep(int Index, int Inputs, int Outputs, int Kernel = 3, int Stride = 1, int Padding = 1)
{
    public bool IsPool => Inputs == 0;

    public static LpipsStep Pool(int index, int kernel) => new(index, 0, 0, kernel, 2, 0);
}
