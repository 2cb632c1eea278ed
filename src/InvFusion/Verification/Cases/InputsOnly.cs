namespace InvFusion.Verification.Cases;

/// <summary>Cases that hold nothing but inputs of others: their files must be whole and finite.</summary>
internal static class InputsOnly
{
    public static void Verify(GoldenCase golden, Comparison comparison, CancellationToken cancellation)
    {
        foreach (var name in golden.TensorNames)
            comparison.Check($"{name} is finite", golden.Tensor(name).isfinite().all().item<bool>() ? 1 : 0, 1, tolerance: 0);
    }
}
