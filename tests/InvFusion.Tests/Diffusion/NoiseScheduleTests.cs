using InvFusion.Diffusion;
using Xunit;

namespace InvFusion.Tests.Diffusion;

public sealed class NoiseScheduleTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(18)]
    [InlineData(256)]
    public void Levels_fall_from_the_highest_to_the_lowest_and_then_to_zero(int steps)
    {
        var levels = new NoiseSchedule().Levels(steps);
        Assert.Equal(steps + 1, levels.Length);
        Assert.Equal(80, levels[0], 1e-9);
        Assert.Equal(0.002, levels[steps - 1], 1e-12);
        Assert.Equal(0, levels[steps]);
        Assert.All(levels.Zip(levels.Skip(1)), pair => Assert.True(pair.First > pair.Second));
    }

    [Fact]
    public void One_step_goes_from_the_highest_level_to_zero() => Assert.Equal([80, 0], new NoiseSchedule { Rho = 1 }.Levels(1));

    [Fact]
    public void Rho_one_spaces_the_levels_evenly()
    {
        var levels = new NoiseSchedule
        {
            SigmaMin = 1,
            SigmaMax = 4,
            Rho = 1,
        }.Levels(4);
        Assert.Equal([4, 3, 2, 1, 0], levels);
    }

    [Fact]
    public void An_infinite_rho_spaces_the_levels_evenly_in_their_logarithm()
    {
        var levels = new NoiseSchedule { Rho = double.PositiveInfinity }.Levels(6);
        var ratio = Math.Pow(0.002 / 80, 1.0 / 5);
        for (var i = 0; i < 6; i++)
            Assert.Equal(80 * Math.Pow(ratio, i), levels[i], 1e-9 * levels[i]);
        Assert.Equal(0, levels[6]);
    }

    [Theory]
    [InlineData(0, 80, 7, "sigma-min")]
    [InlineData(2, 1, 7, "sigma-max")]
    [InlineData(0.002, 80, 0, "rho")]
    [InlineData(0.002, double.NaN, 7, "sigma-max")]
    public void A_value_out_of_range_is_refused_by_name(double low, double high, double rho, string name)
    {
        var schedule = new NoiseSchedule
        {
            SigmaMin = low,
            SigmaMax = high,
            Rho = rho,
        };
        Assert.StartsWith(name, Assert.Throws<ConfigurationException>(() => schedule.Levels(4)).Message, StringComparison.Ordinal);
    }
}
