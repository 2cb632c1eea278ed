namespace InvFusion.Verification.Cases;

/// <summary>Cases that hold nothing but inputs of others, or other cases: what is there must be whole and finite.</summary>
internal static class InputsOnly
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var name in golden.TensorNames)
            comparison.Check($"{name} is finite", golden.Tensor(name).isfinite().all().item<bool>() ? 1 : 0, 1, tolerance: 0);
    }

    /// <summary>A folder that only describes the cases below it.</summary>
    public static void Group(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        var below = Directory.EnumerateFiles(golden.PathOf("."), "case.json", SearchOption.AllDirectories).Count() - 1;
        comparison.Check("has cases below it", below > 0 ? 1 : 0, 1, tolerance: 0);
    }
}
