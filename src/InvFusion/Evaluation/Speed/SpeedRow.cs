namespace InvFusion.Evaluation.Speed;

/// <summary>One figure of a <see cref="SpeedBench"/>.</summary>
public sealed record SpeedRow
{
    /// <summary>The part that it belongs to.</summary>
    public required string Part { get; init; }

    /// <summary>What was done.</summary>
    public required string Name { get; init; }

    /// <summary>fp32 or bf16; null for work that has no choice.</summary>
    public required string? Precision { get; init; }

    /// <summary>Repetitions that were timed.</summary>
    public required int Repeats { get; init; }

    /// <summary>Median of their seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The least of their seconds.</summary>
    public required double MinSeconds { get; init; }

    /// <summary>Multiply-adds of the matrix products, where they are counted.</summary>
    public required long? MultiplyAdds { get; init; }

    /// <summary>1e9 floating-point operations a second, two for each multiply-add, at the median.</summary>
    public required double? Gflops { get; init; }

    /// <summary><see cref="Gflops"/> as a share of the peak of its precision.</summary>
    public double? Share { get; init; }

    /// <summary>
    /// The largest resident memory of the whole process in millions of bytes, weights and inputs included: while the row was made on Linux, since the program began
    /// elsewhere.
    /// </summary>
    public required double PeakMegabytes { get; init; }

    /// <summary>Load average of the machine over the minute before; null where the system does not tell.</summary>
    public required double? Load { get; init; }

    /// <summary>What tells the row from all others of a report.</summary>
    internal (string Part, string Name, string? Precision) Key => (Part, Name, Precision);

    /// <summary>Part, name and precision in one line.</summary>
    internal string Title => $"{Part}: {Name}{(Precision is null ? "" : $", {Precision}")}";
}
