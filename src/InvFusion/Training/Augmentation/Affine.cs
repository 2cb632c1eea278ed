namespace InvFusion.Training.Augmentation;

/// <summary>A map of the plane: (x, y) → (Xx·x + Xy·y + X, Yx·x + Yy·y + Y).</summary>
internal readonly record struct Affine(double Xx, double Xy, double X, double Yx, double Yy, double Y)
{
    public static Affine Scale(double x, double y) => new(x, 0, 0, 0, y, 0);

    public static Affine Shift(double x, double y) => new(1, 0, x, 0, 1, y);

    public static Affine Rotation(double angle)
    {
        var (sin, cos) = Math.SinCos(angle);
        return new(cos, -sin, 0, sin, cos, 0);
    }

    /// <summary>First b, then a.</summary>
    public static Affine operator *(Affine a, Affine b)
    {
        var (x, y) = a.Map(b.X, b.Y);
        return new(a.Xx * b.Xx + a.Xy * b.Yx, a.Xx * b.Xy + a.Xy * b.Yy, x, a.Yx * b.Xx + a.Yy * b.Yx, a.Yx * b.Xy + a.Yy * b.Yy, y);
    }

    public (double X, double Y) Map(double x, double y) => (Xx * x + Xy * y + X, Yx * x + Yy * y + Y);

    /// <summary>The six numbers as rows of a 2×3 matrix.</summary>
    public float[] Rows() => [(float)Xx, (float)Xy, (float)X, (float)Yx, (float)Yy, (float)Y];
}
