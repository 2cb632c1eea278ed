using InvFusion.Formats.Safetensors;

namespace InvFusion.Training;

/// <summary>The file of a training state, <c>state-*.safetensors</c> in a run folder, seen from outside the training.</summary>
public static class TrainingState
{
    private const string StepsKey = "steps"; // no file of a network alone has it

    /// <summary>Whether a file holds a training state rather than a network alone.</summary>
    public static bool IsOne(SafetensorsFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return file.Metadata.ContainsKey(StepsKey);
    }

    /// <summary>Compares all its bytes with the checksums in it.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="path">Its name, for the message.</param>
    /// <exception cref="DataFormatException">A checksum does not match.</exception>
    public static void Verify(SafetensorsFile file, string path)
    {
        ArgumentNullException.ThrowIfNull(file);
        TrainingCheckpoint.Verify(file, path);
    }
}
