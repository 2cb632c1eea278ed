namespace InvFusion.Degradations;

/// <summary>The table of random families: names, the public implementation's class names, and how each is made.</summary>
public static class DegradationFamilies
{
    private static readonly (string Name, string[] Aliases, Func<bool, DegradationFamily> Create)[] Table =
    [
        ("matrix", ["Degradation", "MatrixDegradation"], shared => new MatrixFamily { Shared = shared }),
        ("motion", ["MotionBlur"], shared => new MotionBlurFamily { Shared = shared }),
        ("sr", ["SRConv"], shared => new SuperResolutionFamily { Shared = shared }),
        ("patches", ["MissingPatches"], shared => new MissingPatchesFamily { Shared = shared }),
        ("box", ["Box"], shared => new BoxFamily(missing: false) { Shared = shared }),
        ("missing-box", ["MissingBox"], shared => new BoxFamily(missing: true) { Shared = shared }),
        ("pixels", [], shared => new MissingPixelsFamily { Shared = shared }),
        ("rows", [], shared => new MissingRowsFamily { Shared = shared }),
        ("gaussian", [], shared => new GaussianBlurFamily { Shared = shared }),
        ("disk", [], shared => new DiskBlurFamily { Shared = shared }),
        ("compressed", [], shared => new CompressedSensingFamily { Shared = shared }),
        ("identity", [], shared => new IdentityFamily { Shared = shared }),
        ("none", ["NoDegradation"], shared => new NoDegradationFamily { Shared = shared }),
        ("random", ["RandomDegradation"], shared => shared ? Public() : Default()),
    ];

    /// <summary>The names of all families.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(row => row.Name)];

    /// <summary>The mixture that the shipped models are trained on.</summary>
    public static RandomFamily Default() => Mixture(["matrix", "motion", "patches", "none", "box", "missing-box", "sr"]);

    /// <summary>The public implementation's mixture: matrix, motion blur, missing patches and none, with its batch-wide draws.</summary>
    public static RandomFamily Public() => Mixture(["matrix", "motion", "patches", "none"], shared: true);

    /// <summary>A mixture of the named families.</summary>
    /// <param name="names">See <see cref="Create"/>.</param>
    /// <param name="shared">See <see cref="DegradationFamily.Shared"/>.</param>
    /// <exception cref="ConfigurationException">A name is unknown.</exception>
    public static RandomFamily Mixture(IEnumerable<string> names, bool shared = false) => new([.. names.Select(n => Create(n, shared))]);

    /// <summary>The family of a name.</summary>
    /// <param name="name">A name or a public class name, with or without <c>degradation.</c> in front, or a <see cref="DegradationSpec"/>.</param>
    /// <param name="shared">See <see cref="DegradationFamily.Shared"/>.</param>
    /// <exception cref="ConfigurationException">The name is unknown.</exception>
    public static DegradationFamily Create(string name, bool shared = false) =>
        Resolve(name) is { } known ? Table.First(row => row.Name == known).Create(shared) : new SpecFamily(DegradationSpec.Parse(name));

    /// <summary>The files that a name of <see cref="Create"/> refers to.</summary>
    internal static IReadOnlyList<string> FilesOf(string name) => Resolve(name) is null ? DegradationSpec.Parse(name).Files : [];

    /// <summary>The table's name for a name or a public class name, or null.</summary>
    internal static string? Resolve(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var bare = name.StartsWith("degradation.", StringComparison.Ordinal) ? name["degradation.".Length..] : name;
        return Table.FirstOrDefault(row => row.Name == bare || row.Aliases.Contains(bare)).Name;
    }
}
