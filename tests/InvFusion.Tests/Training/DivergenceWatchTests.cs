using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

public class DivergenceWatchTests
{
    [Fact]
    public void Losses_that_leave_the_numbers_in_every_fourth_pass_are_a_divergence()
    {
        var watch = new DivergenceWatch();
        var passes = 0;
        for (; !watch.Diverged && passes < 1000; passes++)
            watch.Add(passes % 4 == 0 ? double.PositiveInfinity : 0.1);
        Assert.InRange(passes, DivergenceWatch.Limit, DivergenceWatch.Window);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1e6)]
    public void Some_wild_passes_are_none_but_nothing_is_written_soon_after(double loss)
    {
        var watch = new DivergenceWatch();
        for (var i = 0; i < 10_000; i++)
        {
            watch.Add(i % 100 < 10 ? loss : 1);
            Assert.False(watch.Diverged);
            Assert.Equal(i % 100 < 10 + DivergenceWatch.Limit - 1, watch.InDoubt);
        }
    }

    [Fact]
    public void A_run_of_few_passes_that_ends_wild_has_diverged()
    {
        var watch = new DivergenceWatch();
        Assert.False(watch.EndsDiverged);
        foreach (var loss in new[] { 1, 1, 1, double.NaN })
            watch.Add(loss);
        Assert.True(watch.EndsDiverged);
        watch.Add(1);
        Assert.False(watch.EndsDiverged);
    }
}
