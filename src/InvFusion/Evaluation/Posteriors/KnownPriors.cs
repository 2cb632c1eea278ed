using InvFusion.Degradations;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Posteriors;

/// <summary>Smooth random images with a distribution in closed form.</summary>
public static class KnownPriors
{
    private const double Floor = 1e-3; // variance of what is not smooth

    /// <summary>Names of the priors.</summary>
    public static IReadOnlyList<string> Names { get; } = ["gaussian", "mixture"];

    /// <summary>A prior by its name.</summary>
    /// <exception cref="ConfigurationException">There is none.</exception>
    public static GaussianMixture Create(string name, ImageShape image)
    {
        using var scope = NewDisposeScope();
        var (rows, columns) = (linspace(-1, 1, image.Height, float64), linspace(-1, 1, image.Width, float64));
        var across = columns.reshape(1, 1, -1).expand(image.Channels, image.Height, -1).flatten();
        var down = rows.reshape(1, -1, 1).expand(image.Channels, -1, image.Width).flatten();
        return name switch
        {
            "gaussian" => new([1], (0.2 * across).unsqueeze(0), Smooth(image, deviation: 0.5, length: 2).unsqueeze(0)),
            "mixture" => new(
                [0.5, 0.3, 0.2],
                stack([0.6 * across, 0.6 * down, 0.3 - 0.6 * (across.square() + down.square())], 0),
                stack([Smooth(image, 0.25, 2), Smooth(image, 0.2, 1.5), Smooth(image, 0.3, 3)], 0)
            ),
            _ => throw new ConfigurationException($"there is no prior '{name}': choose one of {string.Join(", ", Names)}"),
        };
    }

    // deviation²·exp(-distance²/2 length²), channels correlated by 0.8, and a little white noise.
    private static Tensor Smooth(ImageShape image, double deviation, double length)
    {
        var channels = 0.8 * ones([image.Channels, image.Channels], float64) + 0.2 * eye(image.Channels, dtype: float64);
        var smooth = kron(channels, kron(Line(image.Height, length), Line(image.Width, length)));
        return deviation * deviation * smooth + Floor * eye(image.Length, dtype: float64);
    }

    private static Tensor Line(int size, double length)
    {
        var places = arange(size, dtype: float64);
        return (-(places.unsqueeze(0) - places.unsqueeze(1)).square() / (2 * length * length)).exp();
    }
}
