using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Evaluation.Posteriors;
using InvFusion.Tests.Runtime;
using Xunit;
using static TorchSharp.torch;

namespace InvFusion.Tests.Diffusion;

/// <summary>Schedules that are fitted to trajectories of an exact denoiser.</summary>
[Collection(TorchTests.Collection)]
public sealed class ScheduleSearchTests
{
    private static readonly ImageShape Image = new(1, 4, 4);

    /// <summary>The same steps on the fitted levels end nearer to the solution, of other noise than the schedule was fitted to.</summary>
    [Theory]
    [InlineData(1, 6)]
    [InlineData(1, 8)]
    [InlineData(1, 10)]
    [InlineData(4, 6)]
    [InlineData(4, 8)] // with 10 it is level: the search knows Euler's jumps alone
    public void The_fitted_levels_beat_those_of_rho_7(int order, int steps)
    {
        using var scope = NewDisposeScope();
        using var mixture = KnownPriors.Create("mixture", Image);
        var denoiser = new MixtureDenoiser(mixture);
        var levels = Search(denoiser).Choose(steps);
        using var exact = new EdmSampler(new() { Steps = 200 }).Sample(denoiser, Request(1000));
        var options = new MultistepOptions { Order = order, Steps = steps };
        double fitted = Distance(options with { Levels = levels }),
            formula = Distance(options);
        Assert.True(fitted < 0.9 * formula, $"{steps} steps of order {order}: {fitted:G3} against {formula:G3} of rho 7, levels {levels}");

        double Distance(MultistepOptions options)
        {
            using var result = new IpndmSampler(options).Sample(denoiser, Request(1000));
            return (result.Images - exact.Images).flatten(1).norm(1).mean().item<float>();
        }
    }

    /// <summary>Against every choice of levels, by hand.</summary>
    [Theory]
    [InlineData(1, 1.15)]
    [InlineData(2, 1.15)]
    [InlineData(3, 1.15)]
    [InlineData(3, 0.5)]
    [InlineData(4, 3)]
    public void The_choice_is_the_least_of_all(int steps, double coefficient)
    {
        using var scope = NewDisposeScope();
        using var mixture = KnownPriors.Create("mixture", Image);
        var search = new ScheduleSearch();
        using var teacher = TeacherTrajectory.Of(new MixtureDenoiser(mixture), Request(0), steps: 7);
        search.Add(teacher);
        var best = Ways(0, steps).MinBy(Total)!;
        var chosen = search.Choose(steps, coefficient).Values;
        Assert.Equal(steps, chosen.Count);
        Assert.All(best.Zip(chosen), p => Assert.Equal(teacher.Levels[p.First], p.Second, 1e-5 * p.Second));

        double Total(int[] way) =>
            way.Append(7)
                .Zip(way.Skip(1).Append(7))
                .Take(way.Length)
                .Index()
                .Sum(j => Math.Pow(coefficient, j.Index) * search.Cost(j.Item.First, j.Item.Second));

        static IEnumerable<int[]> Ways(int from, int steps) =>
            steps == 1
                ?
                [
                    [from],
                ]
                : Enumerable.Range(from + 1, 6 - from).SelectMany(next => Ways(next, steps - 1).Select(w => (int[])[from, .. w]));
    }

    [Fact]
    [NoTensorLeaks]
    public void A_trajectory_holds_the_states_of_the_walk_and_costs_do_not_depend_on_batches()
    {
        using var scope = NewDisposeScope();
        using var mixture = KnownPriors.Create("mixture", Image);
        var denoiser = new MixtureDenoiser(mixture);
        ScheduleSearch together = new(),
            apart = new();
        using (var all = TeacherTrajectory.Of(denoiser, Request(0, 6), 9))
        {
            Assert.Equal(new NoiseSchedule().Levels(9), all.Levels);
            using var walked = new EdmSampler(new() { Steps = 9 }).Sample(denoiser, Request(0, 6));
            Assert.Equal(walked.Images.data<float>().ToArray(), all.States[^1].data<float>().ToArray());
            Assert.Equal((10, 9), (all.States.Count, all.Denoised.Count));
            using var again = denoiser.Denoise(all.States[4], tensor([(float)all.Levels[4]]));
            Assert.Equal(again.data<float>().ToArray(), all.Denoised[4].data<float>().ToArray());
            together.Add(all);
        }
        foreach (var first in new[] { 0, 3 })
        {
            using var part = TeacherTrajectory.Of(denoiser, Request(first, 3), 9);
            apart.Add(part);
        }
        for (var to = 1; to <= 9; to++)
            Assert.Equal(together.Cost(0, to), apart.Cost(0, to), 1e-4 * together.Cost(0, to));
    }

    [Fact]
    public void Steps_and_coefficient_out_of_range_are_refused()
    {
        using var scope = NewDisposeScope();
        using var mixture = KnownPriors.Create("mixture", Image);
        var search = new ScheduleSearch();
        using var teacher = TeacherTrajectory.Of(new MixtureDenoiser(mixture), Request(0, 2), 4);
        search.Add(teacher);
        Assert.Contains("1 to 4", Assert.Throws<ConfigurationException>(() => search.Choose(5)).Message, StringComparison.Ordinal);
        Assert.StartsWith("coefficient", Assert.Throws<ConfigurationException>(() => search.Choose(2, 0)).Message);
    }

    private static ScheduleSearch Search(MixtureDenoiser denoiser)
    {
        var search = new ScheduleSearch();
        using var teacher = TeacherTrajectory.Of(denoiser, Request(0), ScheduleSearch.TeacherSteps);
        search.Add(teacher);
        return search;
    }

    private static SamplingRequest Request(int first, int count = 64) =>
        new() { Image = Image, Noise = new SampleNoise(Enumerable.Range(first, count).Select(i => (ulong)i)) };
}
