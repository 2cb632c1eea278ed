using InvFusion.Training;
using Xunit;

namespace InvFusion.Tests.Training;

public class ScheduleTests
{
    [Fact]
    public void The_rate_ramps_up_stays_and_falls_with_the_root()
    {
        var schedule = new LearningRateSchedule
        {
            Rate = 0.01,
            ReferenceBatches = 100,
            RampUpImages = 50,
        };
        Assert.Equal(0, schedule.At(0, 4));
        Assert.Equal(0.01 * 20 / 50, schedule.At(20, 4), 1e-15);
        Assert.Equal(0.01, schedule.At(50, 4), 1e-15);
        Assert.Equal(0.01, schedule.At(400, 4), 1e-15); // 100 batches of 4
        Assert.Equal(0.01 / 2, schedule.At(1600, 4), 1e-15);
        Assert.Equal(0.01 / 3, schedule.At(3600, 4), 1e-15);
    }

    [Fact]
    public void The_rate_cools_down_to_the_last_step()
    {
        var schedule = new LearningRateSchedule
        {
            Rate = 0.01,
            ReferenceBatches = 0,
            RampUpImages = 0,
            CoolDownImages = 100,
        };
        Assert.Equal(0.01, schedule.OfStep(seen: 880, batch: 10, totalImages: 1000), 1e-15);
        Assert.Equal(0.01 * 60 / 100, schedule.OfStep(940, 10, 1000), 1e-15);
        Assert.Equal(0.01 * 10 / 100, schedule.OfStep(990, 10, 1000), 1e-15); // the last step still moves
        Assert.Equal(0.01, schedule.At(940, 10), 1e-15); // of an endless run
    }

    [Fact]
    public void The_public_count_is_one_step_behind()
    {
        var ours = new LearningRateSchedule { RampUpImages = 1000 };
        var theirs = ours with { PublicCount = true };
        Assert.Equal(0, theirs.OfStep(0, 10, 1000));
        Assert.Equal(ours.OfStep(50, 10, 1000), theirs.OfStep(60, 10, 1000), 1e-18);
    }

    [Theory]
    [InlineData(1e9, 64, 0.5, 1000, false)] // past the ramp: the half-life as it is
    [InlineData(100, 10, 0.05, 5, false)]
    [InlineData(100, 10, 0.05, 1000, true)] // 100 / 0.05 = 2000 > 1000
    [InlineData(20, 10, 0.05, 400, true)]
    [InlineData(20, 10, 0, 1000, false)]
    public void Half_of_the_average_is_gone_after_its_half_life(double images, double batch, double ratio, double halfLife, bool publicRamp)
    {
        var schedule = new EmaSchedule
        {
            HalfLifeImages = 1000,
            RampUpRatio = ratio,
            PublicRampUp = publicRamp,
        };
        Assert.Equal(0.5, Math.Pow(schedule.Beta(images, batch), halfLife / batch), 1e-9);
    }
}
