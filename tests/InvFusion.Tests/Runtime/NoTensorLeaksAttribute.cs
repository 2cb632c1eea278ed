using System.Reflection;
using TorchSharp;
using Xunit;
using Xunit.v3;

namespace InvFusion.Tests.Runtime;

/// <summary>Fails a test that leaves tensors behind on its thread. What the test itself makes belongs into a dispose scope.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class NoTensorLeaksAttribute : BeforeAfterTestAttribute
{
    private long _before;
    private int _thread;

    public override void Before(MethodInfo methodUnderTest, IXunitTest test) =>
        (_before, _thread) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Environment.CurrentManagedThreadId);

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        Assert.True(_thread == Environment.CurrentManagedThreadId, "the test changed threads, so its tensors cannot be counted");
        Assert.Equal(_before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
