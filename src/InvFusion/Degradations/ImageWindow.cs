namespace InvFusion.Degradations;

/// <summary>A rectangle of an image, in pixels.</summary>
public readonly record struct ImageWindow(int Top, int Left, int Height, int Width)
{
    /// <summary>The window of a measurement that has one pixel for <paramref name="step"/> of the image along each axis.</summary>
    public ImageWindow DividedBy(int step) =>
        Top % step == 0 && Left % step == 0 && Height % step == 0 && Width % step == 0
            ? new(Top / step, Left / step, Height / step, Width / step)
            : throw new ArgumentException($"{this}: not in steps of {step} pixels");
}
