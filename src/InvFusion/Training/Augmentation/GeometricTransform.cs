using InvFusion.Runtime;

namespace InvFusion.Training.Augmentation;

/// <summary>What the geometric augmentation of EDM (appendix F.2) does to one image: flips, then scaling, rotation, anisotropic scaling and a shift.</summary>
/// <param name="MirrorX">Left and right change places.</param>
/// <param name="MirrorY">Top and bottom change places.</param>
/// <param name="Scale">log2 of the scaling in units of its standard deviation.</param>
/// <param name="Rotation">Angle, in radians.</param>
/// <param name="Anisotropy">log2 of the anisotropic scaling in units of its standard deviation.</param>
/// <param name="AnisotropyAngle">Direction of the anisotropic scaling, in radians.</param>
/// <param name="ShiftX">Shift to the right, in units of its standard deviation.</param>
/// <param name="ShiftY">Shift down, in units of its standard deviation.</param>
public readonly record struct GeometricTransform(
    bool MirrorX,
    bool MirrorY,
    double Scale,
    double Rotation,
    double Anisotropy,
    double AnisotropyAngle,
    double ShiftX,
    double ShiftY
)
{
    /// <summary>Numbers that <see cref="From"/> takes.</summary>
    internal const int Draws = 15;

    private const double ScaleStd = 0.2; // of log2
    private const double AnisotropyStd = 0.2; // of log2
    private const double AnisotropyAngleShare = 0.5;
    private const double ShiftStd = 0.125; // of the image's side

    /// <summary>Whether anything but a flip is done.</summary>
    public bool Moves => (Scale, Rotation, Anisotropy, ShiftX, ShiftY) != (0, 0, 0, 0, 0);

    /// <summary>The 9 numbers that the network is told; all 0 where nothing is done.</summary>
    public float[] Values() =>
        [
            MirrorX ? 1 : 0,
            MirrorY ? 1 : 0,
            (float)Scale,
            (float)(Math.Cos(Rotation) - 1),
            (float)Math.Sin(Rotation),
            (float)(Anisotropy * Math.Cos(AnisotropyAngle)),
            (float)(Anisotropy * Math.Sin(AnisotropyAngle)),
            (float)ShiftX,
            (float)ShiftY,
        ];

    /// <summary>Draws a transform.</summary>
    /// <param name="stream">The sample's own stream.</param>
    /// <param name="probability">Of each part, but for the flip from left to right.</param>
    /// <param name="mirror">Whether every second image is mirrored from left to right.</param>
    public static GeometricTransform Draw(RandomStream stream, double probability, bool mirror)
    {
        Span<double> d = stackalloc double[Draws];
        for (var i = 0; i < Draws; i++)
            d[i] = i switch
            {
                0 or 2 => stream.NextInt(0, 2),
                4 or 8 or 12 or 13 => stream.NextNormal(),
                _ => stream.NextUniform(),
            };
        return From(d, probability, mirror ? 1 : 0);
    }

    /// <summary>The transform of random numbers: each part's own, and behind it the uniform that decides whether the part happens.</summary>
    /// <param name="d">
    /// Flip x (0 or 1), its chance; flip y, chance; scale (normal), chance; rotation (uniform), chance; anisotropy (normal), angle (uniform), chance, chance of
    /// the angle; shifts (two normals), chance.
    /// </param>
    /// <param name="probability">Of each part.</param>
    /// <param name="mirrorProbability">Of the flip x.</param>
    internal static GeometricTransform From(ReadOnlySpan<double> d, double probability, double mirrorProbability)
    {
        var shifted = d[14] < probability;
        return new(
            MirrorX: d[1] < mirrorProbability && d[0] == 1,
            MirrorY: d[3] < probability && d[2] == 1,
            Scale: d[5] < probability ? d[4] : 0,
            Rotation: d[7] < probability ? Angle(d[6]) : 0,
            Anisotropy: d[10] < probability ? d[8] : 0,
            AnisotropyAngle: d[11] < AnisotropyAngleShare ? Angle(d[9]) : 0,
            ShiftX: shifted ? d[12] : 0,
            ShiftY: shifted ? d[13] : 0
        );

        static double Angle(double uniform) => (2 * uniform - 1) * Math.PI;
    }

    /// <summary>Where a pixel of the result comes from, both relative to the image's centre; flips not included.</summary>
    internal Affine Source(int width, int height)
    {
        var scale = Math.Pow(2, -ScaleStd * Scale);
        var stretch = Math.Pow(2, -AnisotropyStd * Anisotropy);
        return Affine.Scale(scale, scale)
            * Affine.Rotation(Rotation)
            * Affine.Rotation(-AnisotropyAngle)
            * Affine.Scale(stretch, 1 / stretch)
            * Affine.Rotation(AnisotropyAngle)
            * Affine.Shift(-ShiftX * ShiftStd * width, -ShiftY * ShiftStd * height);
    }
}
