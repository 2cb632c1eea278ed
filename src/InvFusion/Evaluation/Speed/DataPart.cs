using InvFusion.Data;

namespace InvFusion.Evaluation.Speed;

/// <summary>Pictures as training reads them: a pass over all of them.</summary>
internal static class DataPart
{
    private const int Size = 64;
    private const int Pictures = 128;
    private const int QuickPictures = 8;

    public static IEnumerable<SpeedCase> Cases(SpeedRequest request)
    {
        var options = request.Options;
        using var generated = options.Data is null ? new GeneratedPictures(options.Quick ? QuickPictures : Pictures) : null;
        using var images = ImageSource.Open(options.Data ?? generated!.Folder);
        var set = new ResizedSet(images, Size); // its source is disposed above
        var parallel = new ParallelOptions
        {
            CancellationToken = request.Cancellation,
            MaxDegreeOfParallelism = options.Threads > 0 ? options.Threads : Environment.ProcessorCount,
        };
        var source = $"{images.Count} {(generated is null ? $"of {Path.GetFileName(images.Description)}" : "made up, 256×256")}";
        yield return Pass($"{source}: decoding", i => images.Load(i));
        yield return Pass($"{source}: decoding and resizing to {Size}", i => set.Read(i, new byte[set.Channels * Size * Size]));

        SpeedCase Pass(string name, Action<int> work) =>
            new(name, () => DecodingRate.Pass(images.Count, parallel, work)) { Managed = true };
    }
}
