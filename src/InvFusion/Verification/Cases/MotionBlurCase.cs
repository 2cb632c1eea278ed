using InvFusion.Degradations;
using InvFusion.Imaging;
using InvFusion.Runtime;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>Motion kernels: the camera's path from its steps and angles, and every stage from the path to the kernel.</summary>
internal static class MotionBlurCase
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var s = golden.Settings;
        var (width, height) = (s.GetProperty("size")[0].GetInt32(), s.GetProperty("size")[1].GetInt32());
        (double X, double Y)[] path = [.. s.GetProperty("path").EnumerateArray().Select(p => (p[0].GetDouble(), p[1].GetDouble()))];
        CheckPath(golden, comparison, path, width, height);

        var diagonal = MotionPath.Diagonal(width, height);
        comparison.Check("diagonal", diagonal, s.GetProperty("diagonal").GetDouble());
        var thickness = s.GetProperty("line_width").GetInt32();
        CheckBytes("img_line", MotionKernel.Polyline(path, 2 * width, 2 * height, thickness), 2 * height);
        var blurred = MotionKernel.GaussianBlur(Bytes("img_line"), 2 * width, 2 * height, s.GetProperty("gaussian_radius").GetSingle());
        CheckBytes("img_blur", blurred, 2 * height);
        var canvas = new RgbImage(2 * width, 2 * height, channels: 1, Bytes("img_blur"));
        var halved = Resampler.Resize(canvas, width, height, ResampleFilter.Lanczos).Pixels;
        CheckBytes("img_resize", halved, height);
        CheckBytes("img_L", halved, height); // three equal channels: grey is each of them
        var kernel = MotionKernel.FromPath(path, width, height);
        comparison.Check("kernelMatrix", tensor(kernel).reshape(height, width), golden.Tensor("kernelMatrix"));

        byte[] Bytes(string name) => golden.Tensor(name).bytes.ToArray();

        void CheckBytes(string name, byte[] ours, int rows) =>
            comparison.Check(name, tensor(ours).reshape(rows, -1), golden.Tensor(name), tolerance: 0);
    }

    private static void CheckPath(GoldenCase golden, Comparison comparison, (double X, double Y)[] path, int width, int height)
    {
        double[] steps = Doubles(golden.Tensor("steps")),
            angles = Doubles(golden.Tensor("angles"));
        // The rotation was not recorded; the longest step, whose angle is known, shows it best.
        var i = Array.IndexOf(steps, steps.Skip(1).Max());
        var rotation = Math.Atan2(path[i].Y - path[i - 1].Y, path[i].X - path[i - 1].X) - angles[i];
        var ours = MotionPath.Place(steps, angles, rotation, width, height);
        comparison.Check("path", Points(ours), golden.Tensor("path"));
        comparison.Check("path in full", Points(path), golden.Tensor("path"));
    }

    private static double[] Doubles(Tensor t) => TensorMemory.Numbers<double>(t.to(float64));

    private static Tensor Points((double X, double Y)[] path) =>
        tensor(path.SelectMany(p => new[] { (float)p.X, (float)p.Y }).ToArray()).reshape(-1, 2);
}
