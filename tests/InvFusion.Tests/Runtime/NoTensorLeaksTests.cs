using InvFusion.Tests.Diffusion;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Runtime;

[Collection(TorchTests.Collection)]
public class NoTensorLeaksTests
{
    [Fact]
    public void A_tensor_that_is_left_behind_fails_the_test()
    {
        var attribute = new NoTensorLeaksAttribute();
        attribute.Before(null!, null!);
        var left = zeros(3);
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => attribute.After(null!, null!));
        left.Dispose();
        attribute.After(null!, null!);
    }
}
