using InvFusion.Degradations;
using InvFusion.Modules;
using InvFusion.Ops;
using static TorchSharp.torch;

namespace InvFusion.Verification.Cases;

/// <summary>
/// The output of every module inside a network, each computed from the recorded output of the one before it: an error shows at the module that makes it and
/// nowhere else. The vectors hold the first sample.
/// </summary>
internal sealed class ActivationCases
{
    private const string Folder = "acts/";
    private readonly GoldenCase _golden;
    private readonly Dictionary<string, nn.Module> _modules;
    private readonly LinearOperator _operator;
    private readonly Tensor _measurements;
    private readonly Dictionary<string, Tensor> _skips = [];
    private Tensor _condition;
    private Tensor _previous;
    private Tensor _features;

    private ActivationCases(GoldenCase golden, nn.Module network, NetworkInputs inputs, LinearOperator op)
    {
        (_golden, _operator) = (golden, op);
        _modules = network.named_modules().ToDictionary(m => m.name, m => m.module);
        _measurements = inputs.Measurements!.narrow(0, 0, 1);
        _condition = Embedding(inputs.Sigma.narrow(0, 0, 1));
        _previous = golden.Tensor("net_in").narrow(0, 0, 1);
        _features = _previous;
    }

    public static void Verify(GoldenCase golden, Comparison comparison, nn.Module network, NetworkInputs inputs, LinearOperator op)
    {
        using var scope = NewDisposeScope();
        using var first = op.Select(0);
        var walk = new ActivationCases(golden, network, inputs, first);
        foreach (var name in golden.TensorNames.Where(n => n.StartsWith(Folder, StringComparison.Ordinal)))
            walk.Step(name, comparison);
    }

    // Computes one module's output from what came before, compares, and goes on with the recorded one.
    private void Step(string tensorName, Comparison comparison)
    {
        var name = tensorName[Folder.Length..];
        var expected = _golden.Tensor(tensorName);
        var module = _modules[$"unet.{name}"];
        comparison.Check(tensorName, Run(module, name), expected);
        switch (module)
        {
            case MappingNetwork:
                _condition = expected;
                break;
            case FeatureDegradation:
                _features = expected;
                break;
            case SelfAttentionBlock: // the layer around it follows, and starts from the same tokens
                break;
            default:
                _previous = expected;
                if (module is TransformerLayer && name.StartsWith("down_levels.", StringComparison.Ordinal))
                    _skips[name.Split('.')[1]] = expected;
                break;
        }
    }

    private Tensor Run(nn.Module module, string name) =>
        module switch
        {
            MappingNetwork mapping => mapping.call(_condition),
            TokenMerge merge => merge.call(_previous, float32),
            FeatureDegradation degradation => degradation.Forward(_previous, _operator, _measurements, float32),
            SelfAttentionBlock attention => attention.Forward(
                _previous,
                Positions(),
                _condition,
                new JointFeatures(JointKind.Given, _features),
                float32
            ),
            TransformerLayer layer => layer.Forward(
                _previous,
                Positions(),
                new LayerContext(_condition, _operator, _measurements, float32)
            ),
            TokenSplit split => split.call(_previous, _skips[name.Split('.')[1]], float32),
            RmsNormLayer norm => norm.call(_previous),
            PatchOut patchOut => patchOut.call(_previous),
            _ => throw new DataFormatException($"{Folder}{name}: no way is known to run a {module.GetName()} by itself"),
        };

    // Halving a grid's positions gives those of the halved grid, so they follow from its size alone.
    private Tensor Positions() => AxialRope.Positions((int)_previous.shape[1], (int)_previous.shape[2], _golden.Device);

    // What the mapping network reads: time_in_proj(FF(ln σ / 4)) + aug_in_proj(FF₉(0)).
    private Tensor Embedding(Tensor sigma)
    {
        var time = Features("time_emb").call((sigma.log() / 4).unsqueeze(-1));
        var augmentation = Features("aug_emb").call(zeros(1, 9, device: _golden.Device));
        return Projection("time_in_proj").call(time) + Projection("aug_in_proj").call(augmentation);
    }

    private FourierFeatures Features(string name) => (FourierFeatures)_modules[$"unet.{name}"];

    private Linear Projection(string name) => (Linear)_modules[$"unet.{name}"];
}
