using InvFusion.Modules;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace InvFusion.Metrics.Features;

/// <summary>One block of DINOv2: attention and a perceptron, each behind a layer norm, scaled channel by channel and added.</summary>
internal sealed class VisionTransformerBlock : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-6;
    private const int HiddenRatio = 4;

    [ComponentName(Name = "norm1")]
    private readonly LayerNorm _attentionNorm;

    [ComponentName(Name = "attn")]
    private readonly Attention _attention;

    [ComponentName(Name = "ls1")]
    private readonly LayerScale _attentionScale;

    [ComponentName(Name = "norm2")]
    private readonly LayerNorm _perceptronNorm;

    [ComponentName(Name = "mlp")]
    private readonly Perceptron _perceptron;

    [ComponentName(Name = "ls2")]
    private readonly LayerScale _perceptronScale;

    public VisionTransformerBlock(VisionTransformerShape shape)
        : base(nameof(VisionTransformerBlock))
    {
        _attentionNorm = nn.LayerNorm(shape.Width, Epsilon);
        _attention = new(shape.Width, shape.Heads);
        _attentionScale = new(shape.Width);
        _perceptronNorm = nn.LayerNorm(shape.Width, Epsilon);
        _perceptron = new(shape.Width, HiddenRatio * shape.Width);
        _perceptronScale = new(shape.Width);
        RegisterComponents();
    }

    /// <summary>Tokens <c>[B, L, D]</c> → <c>[B, L, D]</c>.</summary>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = input + _attentionScale.call(_attention.call(_attentionNorm.call(input)));
        return (x + _perceptronScale.call(_perceptron.call(_perceptronNorm.call(x)))).MoveToOuterDisposeScope();
    }

    /// <summary>γ·x, one factor for each channel.</summary>
    private sealed class LayerScale : nn.Module<Tensor, Tensor>
    {
        [ComponentName(Name = "gamma")]
        private readonly Parameter _gamma;

        public LayerScale(int width)
            : base(nameof(LayerScale))
        {
            _gamma = Parameters.Create(0, width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => input * _gamma;
    }

    /// <summary>softmax(q kᵀ/√e) v on all tokens.</summary>
    private sealed class Attention : nn.Module<Tensor, Tensor>
    {
        private readonly int _heads;

        [ComponentName(Name = "qkv")]
        private readonly InvFusion.Modules.Linear _input;

        [ComponentName(Name = "proj")]
        private readonly InvFusion.Modules.Linear _output;

        public Attention(int width, int heads)
            : base(nameof(Attention))
        {
            _heads = heads;
            _input = new(width, 3 * width, bias: true);
            _output = new(width, width, bias: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var (batch, length, width) = (input.shape[0], input.shape[1], input.shape[2]);
            var qkv = _input.call(input).view(batch, length, 3, _heads, width / _heads).permute(2, 0, 3, 1, 4); // [3, B, n, L, e]
            var attended = nn.functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2]); // [B, n, L, e]
            return _output.call(attended.transpose(1, 2).reshape(batch, length, width)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>W₂ gelu(W₁ x + b₁) + b₂, with the exact gelu.</summary>
    private sealed class Perceptron : nn.Module<Tensor, Tensor>
    {
        [ComponentName(Name = "fc1")]
        private readonly InvFusion.Modules.Linear _first;

        [ComponentName(Name = "fc2")]
        private readonly InvFusion.Modules.Linear _second;

        public Perceptron(int width, int hidden)
            : base(nameof(Perceptron))
        {
            _first = new(width, hidden, bias: true);
            _second = new(hidden, width, bias: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            return _second.call(nn.functional.gelu(_first.call(input))).MoveToOuterDisposeScope();
        }
    }
}
