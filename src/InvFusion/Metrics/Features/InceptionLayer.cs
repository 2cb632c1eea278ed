namespace InvFusion.Metrics.Features;

/// <summary>One convolution of the Inception network.</summary>
/// <param name="Name">Its name in state dicts.</param>
/// <param name="Inputs">Channels in.</param>
/// <param name="Outputs">Channels out.</param>
/// <param name="Height">Of the kernel.</param>
/// <param name="Width">Of the kernel.</param>
/// <param name="Stride">1 or 2.</param>
/// <param name="Padded">Whether zeros keep the size of the map.</param>
internal sealed record InceptionLayer(
    string Name,
    int Inputs,
    int Outputs,
    int Height = 1,
    int Width = 1,
    int Stride = 1,
    bool Padded = true
)
{
    public int PaddingHeight => Padded ? Height / 2 : 0;

    public int PaddingWidth => Padded ? Width / 2 : 0;
}
