using InvFusion.Diffusion;
using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Evaluation.Speed;

/// <summary>A whole restoration of one image, from a network that is loaded to samples that agree with the measurement.</summary>
internal static class SamplingPart
{
    private const int Steps = 32;
    private const int QuickSteps = 3;

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        var steps = request.Options.Quick ? QuickSteps : Steps;
        foreach (var wanted in request.Networks)
        foreach (var (precision, type) in request.Precisions)
        {
            using var network = wanted.Load(type);
            foreach (var (degradation, name) in SpeedProblem.Of(wanted.Configuration, request.FewDegradations))
            foreach (var batch in request.Batches(1, 4))
            {
                using var problem = new SpeedProblem(network, SpeedRequest.ImageOf(wanted), degradation, 1);
                var options = new RestoreOptions
                {
                    Method = "edm", // the same work as in every earlier report
                    Sampler = new() { Steps = steps },
                    Samples = batch,
                    BatchSize = batch,
                    Seed = SpeedRequest.Seed,
                };
                var evaluations = (long)batch * Samplers.Find(options.Method).Evaluations(steps);
                yield return new($"{wanted.Name}, {name}, {steps} steps of {options.Method}, {batch} samples", Restore)
                {
                    Precision = precision,
                    MultiplyAdds = evaluations * NetworkCost.Of(wanted.Configuration).MultiplyAdds,
                };

                void Restore() =>
                    new Restorer(network)
                        .Restore(problem.Known.Operator, problem.Known.Measurements, options, null, request.Cancellation)
                        .Dispose();
            }
        }
    }
}
