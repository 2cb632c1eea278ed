namespace InvFusion.Cli;

/// <summary>A mistake of the command line itself that its grammar does not find: options that do not go together, a word that names nothing.</summary>
internal sealed class UsageException(string message) : InvFusionException(message);
