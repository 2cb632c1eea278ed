namespace InvFusion.Fuzz;

/// <summary>A format that is read: valid files, and what reads one.</summary>
/// <param name="Name">For the command line.</param>
/// <param name="Seeds">Valid files; those that are mutated.</param>
/// <param name="Read">Reads a file completely.</param>
/// <param name="Repair">Puts a checksum right that would refuse any change; null where there is none.</param>
internal sealed record FuzzFormat(string Name, IReadOnlyList<byte[]> Seeds, Action<FuzzFile> Read, Action<byte[]>? Repair = null);
