namespace InvFusion.Data;

/// <summary>FFHQ: a folder or zip of 70,000 images; by name, the first 60,000 are for training, the rest for tests.</summary>
internal static class FfhqLayout
{
    /// <summary>Images for training.</summary>
    public const int TrainCount = 60_000;

    /// <summary>Opens one of the parts.</summary>
    public static IImageSource Open(string path, string name, bool test)
    {
        var source = ImageSource.Open(path);
        if (source.Count <= TrainCount)
        {
            var count = source.Count;
            source.Dispose();
            throw new DataFormatException($"{path}: holds {count} images; {name} takes its part of all 70,000 of FFHQ");
        }
        int[] indices = test ? [.. Enumerable.Range(TrainCount, source.Count - TrainCount)] : [.. Enumerable.Range(0, TrainCount)];
        return new SelectedSource(source, $"{name}:{path}", indices);
    }
}
