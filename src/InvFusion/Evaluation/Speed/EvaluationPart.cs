using InvFusion.Models;

namespace InvFusion.Evaluation.Speed;

/// <summary>One evaluation of a network.</summary>
internal static class EvaluationPart
{
    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        foreach (var wanted in request.Networks)
        foreach (var (precision, type) in request.Precisions)
        {
            using var network = wanted.Load(type);
            foreach (var (degradation, name) in SpeedProblem.Of(wanted.Configuration, request.Degradations))
            foreach (var batch in request.Batches(1, 4))
            {
                using var problem = new SpeedProblem(network, SpeedRequest.ImageOf(wanted), degradation, batch);
                yield return new(
                    $"{wanted.Name}, {name}, batch {batch}",
                    () => network.Denoise(problem.Images, problem.Level, problem.Known)
                )
                {
                    Precision = precision,
                    MultiplyAdds = batch * NetworkCost.Of(wanted.Configuration).MultiplyAdds,
                };
            }
        }
    }
}
