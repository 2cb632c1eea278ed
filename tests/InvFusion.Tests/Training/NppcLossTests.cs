using InvFusion.Tests.Degradations;
using InvFusion.Tests.Diffusion;
using InvFusion.Training;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Training;

/// <summary>The gradient of the NPPC loss in float64, against differences of the formula in which what the loss holds fixed is fixed.</summary>
[Collection(TorchTests.Collection)]
public sealed class NppcLossTests
{
    private const int Batch = 2;
    private const int Directions = 3;
    private const int Numbers = 2 * 3 * 4; // of an image of two channels
    private const double Step = 1e-6;

    [Theory]
    [InlineData("mean")]
    [InlineData("direction")]
    [InlineData("variance")]
    public void Its_gradient_is_that_of_the_formula_with_the_error_the_earlier_directions_and_the_projections_held_fixed(string part)
    {
        using var scope = NewDisposeScope();
        var images = Close.Normals(1, Batch, 2, 3, 4).@double();
        var start = Close.Normals(2, Batch, 2 * (1 + Directions), 3, 4).@double();
        var leaf = start.clone().requires_grad_();
        var terms = NppcLoss.Of(leaf, images);
        var weights = tensor([0.3, 1.7]); // samples must not mix
        var loss = part switch
        {
            "mean" => (terms.Loss.flatten(1).sum([1]) * weights).sum(),
            "direction" => (terms.Direction * weights).sum(),
            _ => (terms.Variance * weights).sum(),
        };
        loss.backward();
        var gradient = leaf.grad!;
        var formula = new Formula(start, images, weights, part);
        Assert.Equal(formula.At(start), loss.item<double>(), 1e-9 * Math.Abs(loss.item<double>()));
        Assert.True(gradient.norm().item<double>() > 1e-2, "there is nothing to compare");
        for (ulong i = 0; i < 8; i++)
        {
            var along = Close.Normals(10 + i, start.shape).@double();
            var expected = (formula.At(start + Step * along) - formula.At(start - Step * along)) / (2 * Step);
            Assert.Equal(expected, (gradient * along).sum().item<double>(), 1e-6 * gradient.norm().item<double>());
        }
    }

    // e, the unit vectors before each direction and ⟨ê, w⟩² of the variance are those of the start; all else follows the output.
    private sealed class Formula(Tensor start, Tensor images, Tensor weights, string part)
    {
        private readonly double[][][] _units = [.. Rows(start).Select(rows => Units(rows[1..]))];

        public double At(Tensor output)
        {
            var (rows, first, truth, sum) = (Rows(output), Rows(start), Rows(images), 0.0);
            for (var b = 0; b < Batch; b++)
                sum += weights[b].item<double>() * Sample(rows[b], first[b], truth[b][0], _units[b]);
            return sum;
        }

        private double Sample(double[][] output, double[][] first, double[] truth, double[][] units)
        {
            if (part == "mean")
                return output[0].Zip(truth, (m, x) => (m - x) * (m - x)).Sum();
            var error = first[0].Zip(truth, (m, x) => m - x).ToArray();
            var (length, sum) = (Norm(error), 0.0);
            for (var k = 0; k < Directions; k++)
            {
                var rest = Without(output[1 + k], units[..k]);
                var size = Norm(rest);
                if (part == "direction")
                    sum += 1 - Math.Pow(Dot(error, rest) / (length * size), 2);
                else
                    sum += Math.Pow(Math.Pow(size / length, 2) - Math.Pow(Dot(error, units[k]) / length, 2), 2);
            }
            return sum;
        }

        private static double[][] Units(double[][] directions)
        {
            var units = new List<double[]>();
            foreach (var direction in directions)
            {
                var rest = Without(direction, [.. units]);
                var size = Norm(rest);
                units.Add([.. rest.Select(v => v / size)]);
            }
            return [.. units];
        }

        private static double[] Without(double[] direction, double[][] units)
        {
            foreach (var unit in units)
            {
                var along = Dot(direction, unit);
                direction = [.. direction.Zip(unit, (d, u) => d - along * u)];
            }
            return direction;
        }

        private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

        private static double Norm(double[] a) => Math.Sqrt(Dot(a, a));

        // [B][image or direction][numbers]
        private static double[][][] Rows(Tensor t)
        {
            using var plain = t.detach().contiguous();
            return [.. plain.data<double>().Chunk(Numbers).Chunk((int)t.shape[1] / 2)];
        }
    }
}
