using System.Globalization;
using InvFusion.Configuration;
using InvFusion.Diffusion;

namespace InvFusion.Models;

/// <summary>The noise schedules that are fitted to a network (<see cref="ScheduleSearch"/>), one for each number of steps; they travel in its file.</summary>
public sealed class ModelSchedules
{
    private readonly SortedDictionary<int, NoiseLevels> _bySteps;

    /// <summary>Gathers schedules.</summary>
    /// <exception cref="ConfigurationException">Two have the same number of steps.</exception>
    public ModelSchedules(IEnumerable<NoiseLevels> schedules)
    {
        _bySteps = [];
        foreach (var schedule in schedules)
            if (!_bySteps.TryAdd(schedule.Values.Count, schedule))
                throw new ConfigurationException($"there are two schedules of {schedule.Values.Count} steps: one can be kept");
    }

    /// <summary>No schedules: samplers walk down their formula's levels.</summary>
    public static ModelSchedules None { get; } = new([]);

    /// <summary>The schedules, the fewest steps first.</summary>
    public IReadOnlyCollection<NoiseLevels> All => _bySteps.Values;

    /// <summary>Reads what <see cref="ToJson"/> writes.</summary>
    /// <param name="json">An object of arrays of noise levels, by the number of steps.</param>
    /// <param name="source">Named in errors.</param>
    /// <exception cref="ConfigurationException">Not that, or levels that do not fall.</exception>
    public static ModelSchedules FromJson(string json, string source)
    {
        var read = ConfigurationJson.Read<Dictionary<string, double[]>>(json, source);
        foreach (var (steps, levels) in read)
            if (steps != levels.Length.ToString(CultureInfo.InvariantCulture))
                throw new ConfigurationException(
                    $"{source}: the schedule of {steps} steps has {levels.Length} noise levels; fit it anew with 'model schedule'"
                );
        return new(read.Values.Select(levels => new NoiseLevels(levels)));
    }

    /// <summary>The schedules as an object of arrays, by the number of steps.</summary>
    public string ToJson() =>
        ConfigurationJson.Write(
            _bySteps.ToDictionary(s => s.Key.ToString(CultureInfo.InvariantCulture), s => s.Value.Values),
            indented: false
        );

    /// <summary>The options with the schedule of their number of steps, where there is one, the sampler can use it, and they choose no noise levels themselves.</summary>
    /// <param name="kind">The sampler.</param>
    /// <param name="options">Its options.</param>
    public SamplerOptions Apply(SamplerKind kind, SamplerOptions options)
    {
        ArgumentNullException.ThrowIfNull(kind);
        ArgumentNullException.ThrowIfNull(options);
        var chosen = options is not { SigmaMin: null, SigmaMax: null, Rho: null, Levels: null };
        return !chosen && kind.TakesLevels && _bySteps.TryGetValue(kind.StepsOf(options), out var levels)
            ? options with
            {
                Levels = levels,
            }
            : options;
    }
}
