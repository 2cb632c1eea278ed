namespace InvFusion.Metrics.Features;

/// <summary>How images of any size become the input of the Inception network; numbers of different forms cannot be compared.</summary>
public enum InceptionInput
{
    /// <summary>As TensorFlow 1 did, on which the field's published numbers rest: bilinear, pixel i of the source at i·in/out, (v - 128)/128.</summary>
    TensorFlow,

    /// <summary>As pytorch-fid does: bilinear between the centres of pixels, 2·v/255 - 1.</summary>
    PyTorch,
}
