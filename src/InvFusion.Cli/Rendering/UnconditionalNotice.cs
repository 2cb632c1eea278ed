using InvFusion.Models;
using InvFusion.Restoration;

namespace InvFusion.Cli.Rendering;

/// <summary>Tells the user that a zero-shot method runs on the unconditional side of a conditional model, and where that side was not trained.</summary>
internal static class UnconditionalNotice
{
    /// <summary>One line, and a warning where the model's file says that it was trained without H = none.</summary>
    /// <param name="model">Name or file of the model.</param>
    /// <param name="trained">What it was trained with.</param>
    /// <param name="methods">The zero-shot methods.</param>
    /// <param name="reporter">Where to.</param>
    public static void Tell(string model, TrainedWith trained, IEnumerable<string> methods, Reporter reporter)
    {
        var name = Path.GetFileNameWithoutExtension(model);
        reporter.Line($"{UnconditionalSide.Named(name)}: {string.Join(", ", methods)} (H = none inside the network)");
        if (UnconditionalSide.Warning(name, trained) is { } warning)
            reporter.Line($"warning: {warning}");
    }
}
