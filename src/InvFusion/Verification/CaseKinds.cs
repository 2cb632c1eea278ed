using InvFusion.Verification.Cases;

namespace InvFusion.Verification;

/// <summary>The table of kinds of cases: the first line whose pattern fits a name decides.</summary>
internal static class CaseKinds
{
    /// <summary>Largest relative error, where a case gives no tolerance of its own.</summary>
    public const double Tolerance = 1e-4;

    private static readonly CaseKind[] All =
    [
        new("blocks/cosine_sim", OperationCases.CosineSimilarity),
        new("blocks/rope", OperationCases.Rope),
        new("blocks/na2d_*", OperationCases.Neighborhood),
        new("blocks/norms", LayerCases.Norms),
        new("blocks/feedforward", LayerCases.FeedForward),
        new("blocks/mapping", LayerCases.Mapping),
        new("blocks/fourier", LayerCases.Fourier),
        new("blocks/tokens", LayerCases.Tokens),
        new("blocks/self_attention_*", AttentionCases.Verify),
        new("blocks/neighborhood_*", AttentionCases.Verify),
        new("blocks/feature_degradation_*", FeatureDegradationCases.Verify),
        new("net_*", NetworkCases.Verify, OnAnyDevice: true),
        new("grads_*", GradientCases.Verify, OnAnyDevice: true),
        new("train_steps_*", TrainingStepsCase.Verify),
        new("schedules", ScheduleCase.Verify),
        new("augment/*", AugmentationCases.Verify),
        new("degradations/*", OperatorCases.Verify),
        new("motionblur", InputsOnly.Group),
        new("motionblur/*", MotionBlurCase.Verify),
        new("samplers/deg_*", OperatorCases.Measurements),
        new("data", DataCase.Verify),
        new("encoder", PixelEncodingCase.Verify),
        new("encoder_kl_*", AutoencoderCases.Verify),
        new("samplers/common", InputsOnly.Verify),
        new("samplers/edm_real_net", SamplerCases.RealNetwork),
        new("samplers/edm*", SamplerCases.ClosedForm),
        new("samplers/mse*", SamplerCases.ClosedForm),
        new("samplers/nppc", NppcCases.ClosedForm),
        new("samplers/pigdm_dps_real_net", SamplerCases.RealNetworkGradients),
        new("samplers/ddrm*", SamplerCases.ClosedForm),
        new("samplers/project*", SamplerCases.ClosedForm),
        new("samplers/pigdm*", SamplerCases.ClosedForm),
        new("samplers/dps*", SamplerCases.ClosedForm),
        new("samplers/daps*", SamplerCases.ClosedForm),
        new("metrics", MetricsCase.Verify),
        new("detector_inception_*", InceptionCase.Verify),
        new("detector_dinov2_*", VisionTransformerCase.Verify),
        new("detector_lpips_*", LpipsCase.Verify),
        new("resize_bicubic_antialias", ResizeCase.Verify),
    ];

    /// <summary>The kind of a case, or null when no line fits.</summary>
    public static CaseKind? Find(string name) => All.FirstOrDefault(kind => kind.Matches(name));
}
