using static TorchSharp.torch;

namespace InvFusion.Diffusion;

/// <summary>
/// Chooses noise levels for few steps by how the trajectories of a denoiser bend (Chen et al., "On the trajectory regularity of ODE-based diffusion sampling", GITS):
/// of all ways through fine levels, the one whose Euler jumps miss the teacher least.
/// </summary>
/// <remarks>
/// Unlike in the paper, σ = 0 is one of the fine levels: the last jump, to the denoised image, has a cost as the others have, and the lowest level is chosen too.
/// </remarks>
public sealed class ScheduleSearch
{
    /// <summary>Levels above 0 of the paper's teacher.</summary>
    public const int TeacherSteps = 61;

    /// <summary>The paper's factor by which a later error counts more than that of the jump before it.</summary>
    public const double DefaultCoefficient = 1.15;

    private const int Digits = 6; // of a level that is chosen: files and reports stay readable

    private double[]? _levels;
    private double[,] _costs = new double[0, 0]; // [from, to], summed over samples
    private long _samples;

    /// <summary>Adds the jumps of a batch of samples; all must have the same levels.</summary>
    public void Add(TeacherTrajectory teacher)
    {
        ArgumentNullException.ThrowIfNull(teacher);
        _levels ??= [.. teacher.Levels];
        if (!_levels.AsSpan().SequenceEqual(teacher.Levels.ToArray()))
            throw new ArgumentException("the trajectories have different noise levels");
        if (_samples == 0)
            _costs = new double[_levels.Length, _levels.Length];
        using var noGrad = no_grad();
        for (var from = 0; from < _levels.Length - 1; from++)
        {
            using var scope = NewDisposeScope();
            var start = teacher.States[from];
            var slope = (start - teacher.Denoised[from]) / _levels[from];
            for (var to = from + 1; to < _levels.Length; to++)
            {
                using var inner = NewDisposeScope();
                var missed = start.sub(teacher.States[to]).add_(slope, alpha: _levels[to] - _levels[from]);
                _costs[from, to] += missed.flatten(1).norm(1).sum().item<float>();
            }
        }
        _samples += teacher.States[0].shape[0];
    }

    /// <summary>Mean over the samples of the distance between the Euler jump from one level to another and the teacher there, in units of the images.</summary>
    public double Cost(int from, int to) => _costs[from, to] / _samples;

    /// <summary>The best levels for a number of steps, the last of which goes to 0: V_k(j) = min over i of c(j, i) + coefficient·V_{k-1}(i).</summary>
    /// <param name="steps">How many levels to choose; the highest is always one of them.</param>
    /// <param name="coefficient">How much more the error of the way behind a jump counts than its own.</param>
    /// <exception cref="ConfigurationException">There are fewer fine levels than steps, or the coefficient is not positive.</exception>
    public NoiseLevels Choose(int steps, double coefficient = DefaultCoefficient)
    {
        if (_levels is null)
            throw new InvalidOperationException("no trajectory was added");
        var end = _levels.Length - 1;
        if (steps < 1 || steps > end)
            throw new ConfigurationException($"a schedule of {steps} steps: must be 1 to {end}, the levels of the teacher");
        if (!(coefficient > 0 && double.IsFinite(coefficient)))
            throw new ConfigurationException($"coefficient is {coefficient}: it must be positive");
        var best = Enumerable.Range(0, end).Select(from => Cost(from, end)).ToArray(); // V_1
        var choices = new List<int[]>(); // where the first of k + 2 jumps goes
        for (var jumps = 2; jumps <= steps; jumps++)
        {
            var (next, chosen) = (new double[end], new int[end]);
            for (var from = 0; from < end; from++)
            {
                next[from] = double.PositiveInfinity;
                for (var to = from + 1; to < end; to++)
                    if (Cost(from, to) + coefficient * best[to] is var total && total < next[from])
                        (next[from], chosen[from]) = (total, to);
            }
            best = next;
            choices.Add(chosen);
        }
        var (path, at) = (new List<int> { 0 }, 0);
        for (var k = choices.Count - 1; k >= 0; k--)
            path.Add(at = choices[k][at]);
        return new NoiseLevels(path.Select(i => Rounded(_levels[i])));
    }

    private static double Rounded(double level) =>
        double.Parse(
            level.ToString($"G{Digits}", System.Globalization.CultureInfo.InvariantCulture),
            System.Globalization.CultureInfo.InvariantCulture
        );
}
