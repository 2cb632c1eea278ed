namespace InvFusion.Evaluation.Speed;

/// <summary>One piece of work that is timed. What it needs lives until the next case of its part is asked for.</summary>
/// <param name="Name">Its name, which is the same in every run and another one in every case of a part and precision.</param>
/// <param name="Work">Does the work once. Tensors that it makes are disposed by whoever calls it.</param>
internal sealed record SpeedCase(string Name, Action Work)
{
    /// <summary>fp32 or bf16; null for work that has no choice.</summary>
    public string? Precision { get; init; }

    /// <summary>Multiply-adds of its matrix products, where they are counted.</summary>
    public long? MultiplyAdds { get; init; }

    /// <summary>How often it is done at the least before it is timed.</summary>
    public int WarmUps { get; init; } = 1;

    /// <summary>Whether it takes so long that it is done once, without warming up.</summary>
    public bool Once { get; init; }

    /// <summary>Whether it is work of .NET's threads, beside which the garbage collector runs as always.</summary>
    public bool Managed { get; init; }
}
