using InvFusion.Runtime;
using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Runtime;

/// <summary>Addresses of tensors: whatever way their numbers lie, kernels read the right ones.</summary>
[Collection(TorchTests.Collection), NoTensorLeaks]
public unsafe class TensorRowsTests
{
    [Fact]
    public void Rows_are_the_numbers_whatever_way_the_tensor_lies()
    {
        using var scope = NewDisposeScope();
        var x = arange(24, ScalarType.Float32).view(2, 3, 4);
        Check(x, copied: false);
        Check(x.narrow(0, 1, 1), copied: false);
        Check(x.narrow(1, 1, 1).expand(2, 5, 4), copied: true);
        Check(x.narrow(0, 0, 1).expand(3, -1, -1), copied: true);
        Check(x.transpose(1, 2), copied: true);
        Check(x.to_type(ScalarType.BFloat16), copied: true);
        Check(x.to_type(ScalarType.Float64).transpose(0, 2), copied: true);
        Check(zeros(0), copied: false);
        Assert.Throws<ArgumentException>(() => TensorMemory.Address(x.transpose(0, 1)));
        Assert.Throws<ArgumentException>(() => TensorMemory.Address(x.narrow(0, 0, 1).expand(3, -1, -1)));
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_found_wherever_they_are()
    {
        using var scope = NewDisposeScope();
        foreach (var count in (int[])[1, 15, 16, 17, 50])
        foreach (var type in (ScalarType[])[ScalarType.Float32, ScalarType.Float64])
        {
            var x = full([count], 3e38, type);
            Assert.True(TensorMemory.AllFinite(x));
            foreach (var bad in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity])
                for (var i = 0; i < count; i++)
                {
                    var broken = x.clone();
                    broken[i] = bad;
                    Assert.False(TensorMemory.AllFinite(broken), $"{bad} at {i} of {count}");
                }
        }
    }

    private static void Check(Tensor tensor, bool copied)
    {
        using var rows = new TensorRows(tensor);
        Assert.Equal(copied, !ReferenceEquals(tensor, rows.Tensor));
        var numbers = new ReadOnlySpan<float>(rows.Floats, (int)tensor.NumberOfElements).ToArray();
        Assert.Equal(tensor.to_type(ScalarType.Float32).flatten().contiguous().data<float>().ToArray(), numbers);
        Assert.False(tensor.IsInvalid);
    }
}
