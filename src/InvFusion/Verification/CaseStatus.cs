namespace InvFusion.Verification;

/// <summary>How the verification of one case ended.</summary>
public enum CaseStatus
{
    /// <summary>Everything agrees within the tolerance.</summary>
    Passed,

    /// <summary>Something differs by more than the tolerance.</summary>
    Failed,

    /// <summary>This version has nothing that could be compared with the case, or with a part of it; the message says why.</summary>
    NotCovered,

    /// <summary>The case could not be run; the message says why.</summary>
    Error,
}
