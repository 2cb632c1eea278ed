using InvFusion.Data;
using InvFusion.Degradations;
using InvFusion.Models;
using InvFusion.Modules;
using InvFusion.Runtime;
using InvFusion.Training.Augmentation;
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
    private readonly DegradationFamily _family = Family(options);
    private readonly StratifiedNormals? _strata = options.Loss.Stratified ? new(options.Loss, options.Seed, options.StepImages) : null;

    private enum Purpose : ulong
    {
        Sample = 1,
        Operator = 2,
        Batch = 3,
        Dropout = 4,
        Augmentation = 5,
        Label = 6,
        NoiseLevel = 7,
        Misfit = 8,
    }

    /// <summary>Adds the gradients of a batch to the parameters' and returns what the pass reports.</summary>
    public PassLosses Accumulate(ImageBatch batch)
    {
        using var scope = NewDisposeScope();
        var n = network.Configuration;
        var shape = new ImageShape(n.Channels, n.Resolution, n.Resolution);
        var images = Copy(batch.Values).view(batch.Count, shape.Channels, shape.Height, shape.Width);
        Tensor? augmentation = null;
        if (options.Augmentation > 0)
            (images, augmentation) = Augment(images, batch);
        using var op = DrawOperator(batch, shape);
        var (normals, noise, measurementNoise) = DrawNoise(batch, shape, op);
        var conditioning = Condition(images, op, measurementNoise, batch) with { Augmentation = augmentation };
        var dropout = Stream(Purpose.Dropout, batch.Counter).NextSeed();
        manual_seed(dropout);
        network.Checkpoints = options.GradientCheckpointing ? new LayerCheckpoints(dropout) : null;
        if (n.MisfitInput && options.Loss.Kind == LossKind.Edm)
            conditioning = WithLastEstimate(conditioning, images, normals, noise, batch);
        var terms = options.Loss.Evaluate(network, images, normals, noise, conditioning, batch.Counter / options.StepImages);
        var consistency = Backward(terms, images, op);
        return new(Mean(terms.Loss), Mean(consistency), Mean(terms.Direction), Mean(terms.Variance));
    }

    // The estimate of the same noisy images, without autograd, takes the place of that of the noise level before; some samples learn to do without.
    private Conditioning WithLastEstimate(Conditioning known, Tensor images, Tensor normals, Tensor noise, ImageBatch batch)
    {
        const double Withheld = 0.1;
        using var noGrad = no_grad();
        var sigma = options.Loss.Edm.Sigma(normals);
        float[] shown =
        [
            .. Enumerable.Range(0, batch.Count).Select(i => Stream(Purpose.Misfit, batch.Counter + i).NextUniform() < Withheld ? 0f : 1f),
        ];
        known = known with { DualStart = new() }; // both passes have the same joint estimate
        return known with
        {
            LastEstimate = network.Denoise(images + noise * sigma.view(-1, 1, 1, 1), sigma, known),
            MisfitShown = tensor(shown, device: device),
        };
    }

    // Gives (H⁺H(D - x))², which takes part in the gradient only where it has a weight.
    private Tensor Backward(LossTerms terms, Tensor images, LinearOperator op)
    {
        var (total, weight) = (terms.Scalar(options.StepImages), options.Loss.ConsistencyWeight);
        Tensor consistency;
        using (set_grad_enabled(weight > 0))
            consistency = op.PseudoInverse(op.Apply((terms.Denoised - images).unsqueeze(1))).square();
        if (weight > 0)
            total = total + consistency.sum() * (weight / options.StepImages);
        total.backward();
        network.Checkpoints?.ThrowIfFailed();
        return consistency;
    }

    private static double Mean(Tensor? values)
    {
        using var noGrad = no_grad();
        return values?.mean().ToDouble() ?? 0;
    }

    private Conditioning Condition(Tensor images, LinearOperator op, Tensor? measurementNoise, ImageBatch batch)
    {
        using var noGrad = no_grad();
        var labels = network.Configuration.Classes > 0 ? tensor(Labels(batch), device: device) : null;
        if (network.Configuration.Kind == NetworkKind.Unconditional)
            return new(ClassLabels: labels);
        var y = op.Apply(images.unsqueeze(1)); // [B, 1, O]
        var sigmaY = tensor(NoiseLevels(batch), device: device);
        if (measurementNoise is not null)
            y = y + op.Noise(measurementNoise) * sigmaY.view(-1, 1, 1);
        return new(op, y, labels) { NoiseLevel = sigmaY };
    }

    // The classes; the number of classes itself where one is withheld.
    private long[] Labels(ImageBatch batch) =>
        [
            .. batch.Labels.Select(
                (label, i) =>
                    options.LabelDrop > 0 && Stream(Purpose.Label, batch.Counter + i).NextUniform() < options.LabelDrop
                        ? network.Configuration.Classes
                        : label
            ),
        ];

    private float[] NoiseLevels(ImageBatch batch) =>
        [.. Enumerable.Range(0, batch.Count).Select(i => (float)options.DrawSigmaY(Stream(Purpose.NoiseLevel, batch.Counter + i)))];

    // The images, and the 9 numbers of each that the network is told.
    private (Tensor Images, Tensor Values) Augment(Tensor images, ImageBatch batch)
    {
        var transforms = Enumerable
            .Range(0, batch.Count)
            .Select(i => Stream(Purpose.Augmentation, batch.Counter + i))
            .Select(stream => GeometricTransform.Draw(stream, options.Augmentation, options.HorizontalFlip))
            .ToArray();
        var values = Copy([.. transforms.SelectMany(t => t.Values())]).view(batch.Count, -1);
        return (GeometricAugmentation.Apply(images, transforms), values);
    }

    private LinearOperator DrawOperator(ImageBatch batch, ImageShape shape)
    {
        var start = batch.Counter - first; // of the pass
        var common = Stream(Purpose.Batch, start);
        var family = _family is RandomFamily random ? random.Choose(common) : _family;
        if (!family.DependsOnBatch || batch.Count == options.Batch)
            return family.Draw(shape, Samples(batch.Counter, batch.Count), common, device);
        using var whole = family.Draw(shape, Samples(start, options.Batch), common, device);
        return whole.Select([.. Enumerable.Range(first, batch.Count).Select(i => (long)i)]);

        RandomStream[] Samples(long counter, int count) =>
            [.. Enumerable.Range(0, count).Select(i => Stream(Purpose.Operator, counter + i))];
    }

    private (Tensor LogSigma, Tensor Noise, Tensor? Measurement) DrawNoise(ImageBatch batch, ImageShape shape, LinearOperator op)
    {
        var logSigma = _strata?.Draw(batch.Counter, batch.Count) ?? new double[batch.Count];
        var noise = new float[batch.Count * shape.Length];
        var measurement = options.SigmaY > 0 || options.SigmaYMax > 0 ? new float[batch.Count * op.MeasurementLength] : null;
        Parallel.For(
            0,
            batch.Count,
            i =>
            {
                var stream = Stream(Purpose.Sample, batch.Counter + i);
                if (_strata is null)
                    logSigma[i] = options.Loss.DrawNormal(stream);
                stream.FillNormal(noise.AsSpan(i * shape.Length, shape.Length));
                if (measurement is not null)
                    stream.FillNormal(measurement.AsSpan(i * op.MeasurementLength, op.MeasurementLength));
            }
        );
        return (
            tensor(Array.ConvertAll(logSigma, z => (float)z), device: device),
            tensor(noise, device: device).view(batch.Count, shape.Channels, shape.Height, shape.Width),
            measurement is null ? null : tensor(measurement, device: device).view(batch.Count, 1, op.MeasurementLength)
        );
    }

    // In memory of torch's own: that of a managed array begins at any address, by which the last bit of a matrix product differs from run to run.
    private Tensor Copy(float[] values) => tensor(values, device: device).clone();

    private RandomStream Stream(Purpose purpose, long counter) => new(options.Seed, (ulong)purpose, (ulong)counter);

    private static DegradationFamily Family(TrainingOptions options)
    {
        var one = DegradationFamilies.Mixture(options.Degradations, options.SharedDegradations);
        return options.MixedDegradations ? new MixedFamily(one.Members) : one;
    }
}
