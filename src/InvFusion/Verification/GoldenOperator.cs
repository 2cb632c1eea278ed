using InvFusion.Degradations;

namespace InvFusion.Verification;

/// <summary>The operator that a case was made with.</summary>
internal static class GoldenOperator
{
    /// <summary>The operator, or null for a case without one. The caller owns it.</summary>
    public static LinearOperator? TryLoad(GoldenCase golden) => golden.HasSetting("degradation") ? Load(golden) : null;

    /// <summary>The operator.</summary>
    /// <exception cref="DataFormatException">The case does not say which.</exception>
    public static LinearOperator Load(GoldenCase golden)
    {
        if (golden.HasSetting("degradation_parameters")) // "../folder (what is there)"
            return Load(golden.Other(golden.Settings.GetProperty("degradation_parameters").GetString()!.Split(' ')[0]));
        var s = golden.Settings;
        var name = s.GetProperty("degradation").GetString();
        return OperatorReplay.FromTensors(
                Image(golden),
                tensor => golden.Has(tensor) ? golden.Tensor(tensor) : null,
                name,
                golden.HasSetting("stride") ? s.GetProperty("stride").GetInt32() : 1,
                golden.HasSetting("mix_color") && s.GetProperty("mix_color").GetBoolean()
            ) ?? throw new DataFormatException($"{golden.Name}: no operator is known for '{name}'");
    }

    /// <summary>Shape of one image of a case.</summary>
    public static ImageShape Image(GoldenCase golden)
    {
        var shape = golden.Settings.GetProperty("imshape").EnumerateArray().Select(n => n.GetInt32()).ToArray();
        return new ImageShape(shape[^3], shape[^2], shape[^1]);
    }
}
