using InvFusion.Degradations;
using InvFusion.Diffusion;
using InvFusion.Models;
using static TorchSharp.torch;

namespace InvFusion.Evaluation.Speed;

/// <summary>
/// The joint estimates of a trajectory, each from the dual solution of the last, beside whole evaluations at the same noise levels: what the estimate adds to a sampler.
/// Images are drawn from the prior; one noise serves all levels, as along a trajectory. Networks without the estimate have no rows.
/// </summary>
internal static class JointPart
{
    private const int Steps = 12;

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        foreach (var wanted in request.Networks.Where(n => n.Configuration.JointEstimate))
        foreach (var (precision, type) in request.Precisions)
        {
            using var network = wanted.Load(type);
            foreach (var (degradation, name) in SpeedProblem.Of(wanted.Configuration, request.Degradations))
            foreach (var batch in request.Batches(1, 4))
            {
                using var trajectory = new Trajectory(SpeedRequest.ImageOf(wanted), degradation, batch);
                var place = $"{wanted.Name}, {name}, batch {batch}";
                yield return new($"{place}: {Steps} evaluations", () => trajectory.Run((x, s, c) => network.Denoise(x, s, c)))
                {
                    Precision = precision,
                    MultiplyAdds = Steps * batch * NetworkCost.Of(wanted.Configuration).MultiplyAdds,
                };
                yield return new($"{place}: their joint estimates alone", () => trajectory.Run((x, s, c) => network.Estimate(x, s, c)))
                {
                    Precision = precision,
                };
            }
        }
    }

    private sealed class Trajectory : IDisposable
    {
        private readonly Tensor[] _levels;
        private readonly Tensor[] _noisy;
        private readonly Conditioning _known = Conditioning.None;

        public Trajectory(ImageShape image, DegradationSpec? degradation, int batch)
        {
            using var scope = NewDisposeScope();
            using var prior = new CosinePrior(image, ScalarType.Float32, CPU);
            Tensor Normals() => SpeedRequest.Normals(ScalarType.Float32, batch, image.Channels, image.Height, image.Width);
            var clean = prior.Inverse(Normals() * prior.Variances.sqrt());
            var noise = Normals().flip(-1);
            double[] sigmas = [.. new NoiseSchedule().Levels(Steps).Take(Steps)];
            _levels = [.. sigmas.Select(s => tensor([(float)s]).DetachFromDisposeScope())];
            _noisy = [.. sigmas.Select(s => (clean + noise * s).DetachFromDisposeScope())];
            if (degradation is null)
                return;
            var op = degradation.Build(image, batch, SpeedRequest.Seed);
            _known = new(op, op.Apply(clean.unsqueeze(1)).DetachFromDisposeScope()) { NoiseLevel = zeros(1).DetachFromDisposeScope() };
        }

        public void Run(Func<Tensor, Tensor, Conditioning, Tensor> evaluate)
        {
            var known = _known with { DualStart = new() };
            for (var i = 0; i < Steps; i++)
                evaluate(_noisy[i], _levels[i], known).Dispose();
        }

        public void Dispose()
        {
            foreach (var tensor in (Tensor?[])[.. _levels, .. _noisy, _known.Measurements, _known.NoiseLevel])
                tensor?.Dispose();
            _known.Operator?.Dispose();
        }
    }
}
