using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace InvFusion.Training;

/// <summary>
/// One pass, or a rank's part of it: images, a degradation drawn anew, the loss and its gradients. Everything random derives from (seed, image counter), but
/// for dropout not from the part: ranks draw together what one would draw.
/// </summary>
/// <param name="network">The network.</param>
/// <param name="options">The run.</param>
/// <param name="device">Where the network is.</param>
/// <param name="first">Images of the pass before this rank's.</param>
internal sealed class TrainingStep(PreconditionedNetwork network, TrainingOptions options, Device device, int first = 0)
{
    private readonly RandomFamily _family = DegradationFamilies.Mixture(options.Degradations, options.SharedDegradations);

    private enum Purpose : ulong
    {
        Sample = 1,
        Operator = 2,
        Batch = 3,
        Dropout = 4,
    }

    /// <summary>Adds the gradients of a batch to the parameters' and returns (mean loss of a pixel, consistency).</summary>
    public (double Loss, double Consistency) Accumulate(ImageBatch batch)
    {
        using var scope = NewDisposeScope();
        var n = network.Configuration;
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        var images = tensor(batch.Values, device: device).view(batch.Count, shape.Channels, shape.Height, shape.Width);
        using var op = DrawOperator(batch, shape);
        var (normals, noise, measurementNoise) = DrawNoise(batch, shape, op);
        var conditioning = Condition(images, op, measurementNoise, batch);
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

    private LinearOperator DrawOperator(ImageBatch batch, ImageShape shape)
    {
        var start = batch.Counter - first; // of the pass
        var common = Stream(Purpose.Batch, start);
        var family = _family.Choose(common);
        if (!family.DependsOnBatch || batch.Count == options.Batch)
            return family.Draw(shape, Samples(batch.Counter, batch.Count), common, device);
        using var whole = family.Draw(shape, Samples(start, options.Batch), common, device);
        return whole.Select([.. Enumerable.Range(first, batch.Count).Select(i => (long)i)]);

        RandomStream[] Samples(long counter, int count) =>
            [.. Enumerable.Range(0, count).Select(i => Stream(Purpose.Operator, counter + i))];
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
