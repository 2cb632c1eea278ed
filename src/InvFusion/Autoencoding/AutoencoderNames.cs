using System.Globalization;
using System.Text.RegularExpressions;

namespace InvFusion.Autoencoding;

/// <summary>The names that files give the weights of an autoencoder: those of diffusers, old and new, and those of CompVis' latent-diffusion.</summary>
internal static partial class AutoencoderNames
{
    // Parts of the attention: CompVis, diffusers since 2023 → diffusers of 2022, which are this library's.
    private static readonly Dictionary<string, string> AttentionParts = new()
    {
        ["norm"] = "group_norm",
        ["q"] = "query",
        ["k"] = "key",
        ["v"] = "value",
        ["proj_out"] = "proj_attn",
        ["to_q"] = "query",
        ["to_k"] = "key",
        ["to_v"] = "value",
        ["to_out.0"] = "proj_attn",
    };

    /// <summary>How many levels the names of a file speak of.</summary>
    public static int Levels(IEnumerable<string> names) =>
        names.Select(n => LevelOfEncoder().Match(n)).Max(m => m.Success ? Number(m, 1) + 1 : 0);

    /// <summary>This library's name; a name that no rule fits is returned as it is.</summary>
    /// <param name="name">The name in a file.</param>
    /// <param name="levels">Levels of the network: CompVis counts those of the decoder from the finest.</param>
    public static string ToOwn(string name, int levels)
    {
        name = EncoderBlock().Replace(name, "encoder.down_blocks.$1.resnets.$2.");
        name = EncoderSampler().Replace(name, "encoder.down_blocks.$1.downsamplers.0.");
        name = DecoderBlock().Replace(name, m => $"decoder.up_blocks.{levels - 1 - Number(m, 1)}.resnets.{m.Groups[2].Value}.");
        name = DecoderSampler().Replace(name, m => $"decoder.up_blocks.{levels - 1 - Number(m, 1)}.upsamplers.0.");
        name = MiddleResidual().Replace(name, m => $"{m.Groups[1].Value}.mid_block.resnets.{Number(m, 2) - 1}.");
        name = MiddleAttention().Replace(name, "$1.mid_block.attentions.0.");
        name = AttentionPart()
            .Replace(
                name,
                m => m.Groups[1].Value + AttentionParts.GetValueOrDefault(m.Groups[2].Value, m.Groups[2].Value) + m.Groups[3].Value
            );
        return LastNorm().Replace(name, "$1.conv_norm_out.").Replace(".nin_shortcut.", ".conv_shortcut.", StringComparison.Ordinal);
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^encoder\.down(?:_blocks)?\.(\d{1,3})\.")]
    private static partial Regex LevelOfEncoder();

    [GeneratedRegex(@"^encoder\.down\.(\d{1,3})\.block\.(\d{1,3})\.")]
    private static partial Regex EncoderBlock();

    [GeneratedRegex(@"^encoder\.down\.(\d{1,3})\.downsample\.")]
    private static partial Regex EncoderSampler();

    [GeneratedRegex(@"^decoder\.up\.(\d{1,3})\.block\.(\d{1,3})\.")]
    private static partial Regex DecoderBlock();

    [GeneratedRegex(@"^decoder\.up\.(\d{1,3})\.upsample\.")]
    private static partial Regex DecoderSampler();

    [GeneratedRegex(@"^(encoder|decoder)\.mid\.block_([12])\.")]
    private static partial Regex MiddleResidual();

    [GeneratedRegex(@"^(encoder|decoder)\.mid\.attn_1\.")]
    private static partial Regex MiddleAttention();

    [GeneratedRegex(@"^((?:encoder|decoder)\.mid_block\.attentions\.0\.)(.+)(\.(?:weight|bias))$")]
    private static partial Regex AttentionPart();

    [GeneratedRegex(@"^(encoder|decoder)\.norm_out\.")]
    private static partial Regex LastNorm();
}
