using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Runtime;
using InvFusion.Training.Augmentation;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>One pass: images, a degradation drawn anew, the loss and its gradients. Everything random derives from (seed, image counter).</summary>
internal sealed class TrainingStep(PreconditionedNetwork network, TrainingOptions options, Device device)
{
    private readonly RandomFamily _family = DegradationFamilies.Mixture(options.Degradations, options.SharedDegradations);

    private enum Purpose : ulong
    {
        Sample = 1,
        Operator = 2,
        Batch = 3,
        Dropout = 4,
        Augmentation = 5,
    }

    /// <summary>Adds the gradients of a batch to the parameters' and returns (mean loss of a pixel, consistency).</summary>
    public (double Loss, double Consistency) Accumulate(ImageBatch batch)
    {
        using var scope = NewDisposeScope();
        var n = network.Configuration;
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        var images = tensor(batch.Values, device: device).view(batch.Count, shape.Channels, shape.Height, shape.Width);
        Tensor? augmentation = null;
        if (options.Augmentation > 0)
            (images, augmentation) = Augment(images, batch);
        using var op = DrawOperator(batch, shape);
        var (normals, noise, measurementNoise) = DrawNoise(batch, shape, op);
        var conditioning = Condition(images, op, measurementNoise, batch) with { Augmentation = augmentation };
        manual_seed(Stream(Purpose.Dropout, batch.Counter).NextSeed());
        var terms = options.Loss.Evaluate(network, images, normals, noise, conditioning);
        terms.Scalar(options.StepImages).backward();
        using var noGrad = no_grad();
        var error = op.PseudoInverse(op.Apply((terms.Denoised - images).unsqueeze(1)));
        return (terms.Loss.mean().ToDouble(), error.square().mean().ToDouble());
    }

    private Conditioning Condition(Tensor images, LinearOperator op, Tensor? measurementNoise, ImageBatch batch)
    {
        using var noGrad = no_grad();
        var labels = network.Configuration.Classes > 0 ? tensor(batch.Labels.Select(l => (long)l).ToArray(), device: device) : null;
        if (network.Configuration.Kind == NetworkKind.Unconditional)
            return new(ClassLabels: labels);
        var y = op.Apply(images.unsqueeze(1)); // [B, 1, O]
        if (measurementNoise is not null)
            y = y + op.Noise(measurementNoise) * options.SigmaY;
        return new(op, y, labels);
    }

    // The images, and the 9 numbers of each that the network is told.
    private (Tensor Images, Tensor Values) Augment(Tensor images, ImageBatch batch)
    {
        var transforms = Enumerable
            .Range(0, batch.Count)
            .Select(i => Stream(Purpose.Augmentation, batch.Counter + i))
            .Select(stream => GeometricTransform.Draw(stream, options.Augmentation, options.HorizontalFlip))
            .ToArray();
        var values = tensor(transforms.SelectMany(t => t.Values()).ToArray(), device: device).view(batch.Count, -1);
        return (GeometricAugmentation.Apply(images, transforms), values);
    }

    private LinearOperator DrawOperator(ImageBatch batch, ImageShape shape)
    {
        var samples = Enumerable.Range(0, batch.Count).Select(i => Stream(Purpose.Operator, batch.Counter + i)).ToArray();
        return _family.Draw(shape, samples, Stream(Purpose.Batch, batch.Counter), device);
    }

    private (Tensor LogSigma, Tensor Noise, Tensor? Measurement) DrawNoise(ImageBatch batch, ImageShape shape, LinearOperator op)
    {
        var logSigma = new float[batch.Count];
        var noise = new float[batch.Count * shape.Length];
        var measurement = options.SigmaY > 0 ? new float[batch.Count * op.MeasurementLength] : null;
        Parallel.For(
            0,
            batch.Count,
            i =>
            {
                var stream = Stream(Purpose.Sample, batch.Counter + i);
                logSigma[i] = (float)options.Loss.DrawNormal(stream);
                stream.FillNormal(noise.AsSpan(i * shape.Length, shape.Length));
                if (measurement is not null)
                    stream.FillNormal(measurement.AsSpan(i * op.MeasurementLength, op.MeasurementLength));
            }
        );
        return (
            tensor(logSigma, device: device),
            tensor(noise, device: device).view(batch.Count, shape.Channels, shape.Height, shape.Width),
            measurement is null ? null : tensor(measurement, device: device).view(batch.Count, 1, op.MeasurementLength)
        );
    }

    private RandomStream Stream(Purpose purpose, long counter) => new(options.Seed, (ulong)purpose, (ulong)counter);
}
