using InvFusion.Degradations;
using InvFusion.Ops.Kernels;
using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Ops;

/// <summary>Inner products of rows against libtorch's in double, for whole blocks and less, with rows of zeros; and the operators that are made of them.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public class GramKernelTests
{
    [Fact]
    public void Gram_matrices_are_those_of_the_plain_form()
    {
        manual_seed(1);
        foreach (var (count, length) in ((int, int)[])[(1, 1), (3, 5), (4, 8), (17, 100), (63, 257), (64, 256), (65, 513), (130, 300)])
        foreach (var threads in (int[])[1, 2])
        {
            using var scope = NewDisposeScope();
            var rows = randn([3, count, length]);
            rows[1].narrow(0, count / 2, count - count / 2).zero_(); // as a sample that keeps fewer rows
            rows[2][0].zero_();
            var wide = rows.to_type(ScalarType.Float64);
            using var inUse = new TorchThreads(threads);
            var gram = GramKernel.Apply(rows);
            TensorAssert.Close(wide.bmm(wide.transpose(1, 2)), gram, 1e-14);
            TensorAssert.SameBits(gram.transpose(1, 2), gram, "the other half");
            TensorAssert.SameBits(gram.narrow(0, 1, 1), GramKernel.Apply(rows.narrow(0, 1, 1)), "one alone");
        }
    }

    [Fact]
    public void Random_matrices_are_drawn_by_each_sample_alone()
    {
        using var scope = NewDisposeScope();
        var image = new ImageShape(3, 8, 8);
        var family = new MatrixFamily();
        using var together = (MatrixOperator)family.Draw(image, Streams(5), new RandomStream(1));
        for (var i = 0; i < 5; i++)
        {
            using var alone = (MatrixOperator)family.Draw(image, Streams(5)[i..(i + 1)], new RandomStream(1));
            TensorAssert.SameBits(together.Matrix[i], alone.Matrix[0], $"matrix {i}");
            // The numbers of the sample's own generator, row by row, over their norm.
            var stream = Streams(5)[i];
            var rows = stream.NextInt(2, 129);
            using var generator = new Generator((ulong)stream.NextSeed());
            var drawn = randn([rows, image.Length], generator: generator);
            TensorAssert.Close(drawn / drawn.norm(-1, keepdim: true), alone.Matrix[0].narrow(0, 0, rows), 1e-6);
            Assert.Equal(0, alone.Matrix[0].narrow(0, rows, 128 - rows).abs().sum().item<float>());
        }
    }

    private static RandomStream[] Streams(int count) => [.. Enumerable.Range(0, count).Select(i => new RandomStream(7, (ulong)i))];
}
